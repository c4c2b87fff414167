// tersegrad bench: dispatches to the benches.
#include "apps/bench/bench.hpp"

#include <iostream>

#include "apps/common/command.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

namespace {

void print_help(std::ostream& out) {
  out << "Times parts of the program beside what people would use instead, in one run\n\n"
         "usage: tersegrad bench <name> [options]; tersegrad bench <name> --help\n\nbenches:\n";
  print_members<Bench>(out);
}

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name.empty() || name == "--help" || name == "-h" || name == "help") {
    print_help(name.empty() ? std::cerr : std::cout);
    return name.empty() ? 2 : 0;
  }
  const Bench& bench = Benches::instance().at(name);
  std::string program = "tersegrad bench " + name;
  std::vector<char*> arguments{program.data()};
  for (int i = 2; i < argc; ++i) arguments.push_back(argv[i]);
  arguments.push_back(nullptr);
  return bench.run(argc - 1, arguments.data());
}

const CatalogueEntry<Command> registration{"bench", {"times parts of the program beside their alternatives", run, true, true}};

}  // namespace
}  // namespace tersegrad
