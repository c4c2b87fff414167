// The options of `tersegrad train`.
#pragma once

#include <string>
#include <vector>

#include "tersegrad/train/options/option.hpp"

namespace tersegrad {

/// All of them, in the order of the help, group by group.
const std::vector<Option>& train_options();

/// Those that a checkpoint keeps, in the order of their lines.
const std::vector<const Option*>& recorded_options();

/// The option of this name; null if there is none.
const Option* find_option(const std::string& name);

/// The option of this name. \throws Error listing all names if there is none
const Option& option_named(const std::string& name);

/// The groups of the table, one file each.
std::vector<Option> model_options();          ///< "What is trained"
std::vector<Option> agent_options();          ///< "Agents"
std::vector<Option> communication_options();  ///< "Communication"
std::vector<Option> optimizer_options();      ///< "Optimiser"
std::vector<Option> output_options();         ///< "Output"

}  // namespace tersegrad
