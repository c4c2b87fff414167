#include "apps/common/program.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>

#include "apps/common/command.hpp"
#include "apps/common/plugin_option.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/environment.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/launcher.hpp"
#include "tersegrad/core/system/standard_streams.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

namespace {

std::vector<std::string> words;  // of the present command; written once, before it runs

void print_help(std::ostream& out) {
  out << "tersegrad: communication-compressed distributed training\n\nusage: tersegrad <command> [options]; "
         "tersegrad <command> --help\n\ncommands:\n";
  print_members<Command>(out);
}

/// Says once what N ranks of a job know, and lets the others, which may wait for this one in their first agreement,
/// end.
int refuse_on_all_ranks(int argc, char** argv, const Error& error) {
  return run_with_mpi(&argc, &argv, [&](Communicator& world) -> int {
    collectively(world, [&] { throw error; });
    return 1;
  });
}

/// Runs a command with the options argv[first], ….
int run_command(const std::string& name, const Command& command, int argc, char** argv, int first) {
  if (const auto launch = find_launch(); launch && launch->several() && !command.on_ranks) {
    const std::string ranks = launch->size == 0 ? "several" : std::to_string(launch->size);
    const Error error(concat("'", name, "' runs once, not on ", ranks, " ranks; start it without mpirun"));
    return refuse_on_all_ranks(argc, argv, error);
  }
  std::error_code lost;
  words = {std::filesystem::read_symlink("/proc/self/exe", lost).string()};
  words.insert(words.end(), argv + 1, argv + first);
  std::string program = "tersegrad " + name;
  std::vector<char*> arguments{program.data()};
  for (int i = first; i < argc; ++i) arguments.push_back(argv[i]);
  if (command.takes_plugins) {
    try {
      load_given_plugins(arguments);
    } catch (const Error& error) {
      if (find_launch()) return refuse_on_all_ranks(argc, argv, error);
      throw;
    }
  }
  const int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  const int status = command.run(count, arguments.data());
  if (flush_standard_output()) return status;
  std::fprintf(stderr, "tersegrad: standard output could not be written to its end: what it would have held is lost\n");
  // The product of what runs on ranks is in files; another command's is what it prints.
  return status == 0 && !command.on_ranks ? 1 : status;
}

int dispatch(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name.empty() || name == "--help" || name == "-h" || name == "help") {
    print_help(name.empty() ? std::cerr : std::cout);
    return name.empty() ? 2 : 0;
  }
  if (name == "--version") {
    std::cout << "tersegrad " << TERSEGRAD_VERSION << "\n";
    return 0;
  }
  const Command* command = nullptr;
  try {
    command = &Commands::instance().at(name);
  } catch (const Error& error) {
    if (find_launch()) return refuse_on_all_ranks(argc, argv, error);
    throw;
  }
  return run_command(name, *command, argc, argv, 2);
}

/// \return the exit status of `body`; 1 after a line for what escapes from it
int guarded(const std::function<int()>& body) {
  open_standard_streams();
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tersegrad: %s\n", one_line(error).c_str());
    return 1;
  }
}

}  // namespace

int run_program(int argc, char** argv) {
  return guarded([&] { return dispatch(argc, argv); });
}

int run_program_of(const std::string& command, int argc, char** argv) {
  return guarded([&] { return run_command(command, Commands::instance().at(command), argc, argv, 1); });
}

const std::vector<std::string>& command_words() { return words; }

}  // namespace tersegrad
