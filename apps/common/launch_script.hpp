// The scripts in launch/ that the program calls.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tersegrad {

/// The script launch/<name>: in the folder TERSEGRAD_LAUNCH_DIR of the environment if that is set, else in
/// ../share/tersegrad/launch beside the program (installed), else in the source tree it was built from.
/// \throws Error naming where it was looked for
std::filesystem::path find_launch_script(const std::string& name);

/// Runs a Python script of launch/ and waits for it; its standard output is ours.
/// \throws Error: the last line of its standard error if it fails
void run_python_script(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace tersegrad
