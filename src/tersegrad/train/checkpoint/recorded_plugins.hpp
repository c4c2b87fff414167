// The plug-ins that a run used, in its checkpoints. A resume names them and does not load them: nobody's folder runs code.
#pragma once

#include <string>
#include <vector>

#include "tersegrad/train/checkpoint/checkpoint.hpp"

namespace tersegrad {

/// The section of a checkpoint that names them; there is none where a run used none.
inline constexpr const char* plugins_section = "plugins";

/// What this process has loaded as that section: a line each, name, version, fingerprint and file, separated by tabs; "" for none.
std::string plugin_lines();

/// Checks that every plug-in of a checkpoint is loaded, as the version that it was. Others may be loaded beside them.
/// \return what to say of those that are another build of the same version: results are their author's promise then
/// \throws Error naming the first that is not loaded, with the --plugin to give, or that is another version: a run goes on as it
/// began
std::vector<std::string> require_recorded_plugins(const CheckpointView& checkpoint);

}  // namespace tersegrad
