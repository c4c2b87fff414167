// tersegrad bench: dispatches to the benches.
#include "apps/bench.hpp"

#include <iostream>

#include "apps/command.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/spec.hpp"

namespace tersegrad {

std::map<std::string, Bench>& benches() {
  static std::map<std::string, Bench> all;
  return all;
}

BenchRegistration::BenchRegistration(const std::string& name, const std::string& summary,
                                     std::function<int(int, char**)> run) {
  TERSEGRAD_CHECK(benches().emplace(name, Bench{summary, std::move(run)}).second, "bug: bench '", name,
                  "' is registered twice");
}

namespace {

void print_help(std::ostream& out) {
  out << "Times parts of the program beside what people would use instead, in one run\n\n"
         "usage: tersegrad bench <name> [options]; tersegrad bench <name> --help\n\nbenches:\n";
  for (const auto& [name, bench] : benches()) {
    out << "  " << name << std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') << bench.summary << "\n";
  }
}

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name.empty() || name == "--help" || name == "-h" || name == "help") {
    print_help(name.empty() ? std::cerr : std::cout);
    return name.empty() ? 2 : 0;
  }
  const auto found = benches().find(name);
  std::vector<std::string> known;
  for (const auto& [other, bench] : benches()) known.push_back(other);
  TERSEGRAD_CHECK(found != benches().end(), "unknown bench '", name, "' (known: ", join(known), ")");
  std::string program = "tersegrad bench " + name;
  std::vector<char*> arguments{program.data()};
  for (int i = 2; i < argc; ++i) arguments.push_back(argv[i]);
  arguments.push_back(nullptr);
  return found->second.run(argc - 1, arguments.data());
}

const CommandRegistration registration{"bench", "times parts of the program beside their alternatives", run, true};

}  // namespace
}  // namespace tersegrad
