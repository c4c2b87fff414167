// The command line of `tersegrad train`.
#pragma once

#include <string>

#include "tersegrad/train/options/option_values.hpp"

namespace tersegrad {

/// What a command line says. \throws Error as parse_options, for one that is none
OptionValues parse_train_options(int argc, char** argv);

/// The text of `tersegrad train --help`: the table of options, group by group.
std::string train_help();

}  // namespace tersegrad
