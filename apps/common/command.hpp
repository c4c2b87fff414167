// Subcommands: one file each under apps/, registered by name.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include <cxxopts.hpp>

#include "tersegrad/core/catalogue.hpp"

namespace tersegrad {

/// One subcommand of the program.
///
/// `run` receives the arguments behind its name (argv[0] is "tersegrad <name>") and returns the exit status.
/// It starts MPI itself if it needs it; Error that escapes from it is printed as one line, with exit status 1.
struct Command {
  static constexpr const char* family = "command";
  std::string summary;  ///< one line, no full stop
  std::function<int(int argc, char** argv)> run;
  bool on_ranks = false;  ///< may be started on several MPI ranks; others are refused there, once
  bool takes_plugins = false;  ///< has --plugin FILE.so: they are loaded before it runs, and it does not see the option
};

using Commands = Catalogue<Command>;

/// The members of a catalogue as a help text lists them: name and summary, a line each.
template <class Member>
void print_members(std::ostream& out) {
  for (const auto& [name, member] : Catalogue<Member>::instance().members()) {
    out << "  " << name << std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') << member.summary << "\n";
  }
}

/// Parses with cxxopts, turning its exceptions into one-line Errors. "--help" prints the help and sets `done`.
/// Of a command that takes plug-ins it shows --plugin, too.
/// \throws Error for an unknown option, a bad value, or positional arguments that were not declared
cxxopts::ParseResult parse_options(cxxopts::Options& options, int argc, char** argv, bool& done);

}  // namespace tersegrad
