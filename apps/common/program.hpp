// The programs' main(): one way to start, to find a command, and to say what went wrong.
#pragma once

#include <string>
#include <vector>

namespace tersegrad {

/// A program of several commands: `tersegrad <command> [options]`. \return the exit status
int run_program(int argc, char** argv);

/// A program of one command, without its name: `tersegrad-bench [options]` is `tersegrad bench [options]`.
int run_program_of(const std::string& command, int argc, char** argv);

/// The words that start the present command again, on other ranks too: the program's path, the command's name where the
/// program has several. Options follow.
const std::vector<std::string>& command_words();

}  // namespace tersegrad
