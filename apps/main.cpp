// tersegrad: dispatches to the subcommands.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "apps/command.hpp"
#include "tersegrad/comm/collectively.hpp"
#include "tersegrad/comm/environment.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/launcher.hpp"
#include "tersegrad/core/spec.hpp"
#include "tersegrad/core/standard_streams.hpp"

namespace {

using namespace tersegrad;

void print_help(std::ostream& out) {
  out << "tersegrad: communication-compressed distributed training\n\nusage: tersegrad <command> [options]; "
         "tersegrad <command> --help\n\ncommands:\n";
  for (const auto& [name, command] : commands()) {
    out << "  " << name << std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') << command.summary << "\n";
  }
}

/// Says once what N ranks of a job know, and lets the others, which may wait for this one in their first agreement,
/// end.
int refuse_on_all_ranks(int argc, char** argv, const Error& error) {
  return run_with_mpi(&argc, &argv, [&](Communicator& world) -> int {
    collectively(world, [&] { throw error; });
    return 1;
  });
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
  const auto found = commands().find(name);
  std::vector<std::string> known;
  for (const auto& [other, command] : commands()) known.push_back(other);
  if (found == commands().end()) {
    const Error error(concat("unknown command '", name, "' (known: ", join(known), ")"));
    if (find_launch()) return refuse_on_all_ranks(argc, argv, error);
    throw error;
  }
  if (const auto launch = find_launch(); launch && launch->several() && !found->second.on_ranks) {
    const std::string ranks = launch->size == 0 ? "several" : std::to_string(launch->size);
    const Error error(concat("'", name, "' runs once, not on ", ranks, " ranks; start it without mpirun"));
    return refuse_on_all_ranks(argc, argv, error);
  }
  std::string program = "tersegrad " + name;
  std::vector<char*> arguments{program.data()};
  for (int i = 2; i < argc; ++i) arguments.push_back(argv[i]);
  arguments.push_back(nullptr);
  const int status = found->second.run(argc - 1, arguments.data());
  if (flush_standard_output()) return status;
  std::fprintf(stderr, "tersegrad: standard output could not be written to its end: what it would have held is lost\n");
  // The product of what runs on ranks is in files; another command's is what it prints.
  return status == 0 && !found->second.on_ranks ? 1 : status;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_streams();
  try {
    return dispatch(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tersegrad: %s\n", one_line(error).c_str());
    return 1;
  }
}
