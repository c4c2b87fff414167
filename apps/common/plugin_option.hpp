// --plugin FILE.so, of every command that makes members of a registry.
#pragma once

#include <vector>

#include <cxxopts.hpp>

namespace tersegrad {

/// Takes every `--plugin FILE` and `--plugin=FILE` out of a command's words, before the command sees them, and loads the files in
/// their order. From then on parse_options() shows the option in help texts.
/// \throws Error as load_plugin(), or for one without a file
void load_given_plugins(std::vector<char*>& words);

/// The option in a help text, unless it is declared there already; nothing where the command takes no plug-ins.
void declare_plugin_option(cxxopts::Options& options);

}  // namespace tersegrad
