// The options of `tersegrad train`.
#pragma once

#include <cxxopts.hpp>

#include "tersegrad/train/config.hpp"

namespace tersegrad {

cxxopts::Options declare_train_options();

/// What they say, but for --match and --resume. \throws Error for a value that is none, or means nothing here
TrainConfig read_train_config(const cxxopts::ParseResult& parsed);

}  // namespace tersegrad
