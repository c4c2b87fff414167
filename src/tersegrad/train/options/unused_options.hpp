// Options that would change nothing: somebody who gives one means something by it.
#pragma once

#include <string>
#include <vector>

#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/options/option_values.hpp"

namespace tersegrad {

/// Of the options that were given, with other values than they have by themselves, those that this configuration does
/// not use (Option::unused). Options that mean nothing to a landscape, a network or a compressor are refused as they are
/// read (read_options), those that an SDE cannot follow where it is integrated (train/sde_run.cpp).
/// \return what to say of those that are harmless: the run is as if they had been left out
/// \throws Error for the first one that is not: a run without it is hardly what was meant
std::vector<std::string> check_unused_options(const OptionValues& given, const TrainConfig& config);

}  // namespace tersegrad
