// A run's configuration from what was said of its options.
#pragma once

#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/options/option_values.hpp"

namespace tersegrad {

/// Every option of the table as it is given, else as it is by default, in the table's order: `--lr auto` depends on the
/// compressor, `--log-every auto` on the steps. Ranges and what options ask of one another are TrainConfig::validate()'s.
/// \throws Error naming the option, for a text that is no value of it, and for one that is for another kind of model
TrainConfig read_options(const OptionValues& values);

}  // namespace tersegrad
