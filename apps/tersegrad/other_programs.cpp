// The commands that are programs of their own beside this one, so that it carries neither Google Benchmark nor figures.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "apps/common/command.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/environment.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/launcher.hpp"

namespace tersegrad {
namespace {

/// The program "tersegrad-<command>" in this program's folder, links resolved.
std::filesystem::path beside(const std::string& command) {
  std::error_code lost;
  return std::filesystem::read_symlink("/proc/self/exe", lost).replace_filename("tersegrad-" + command);
}

bool is_there(const std::string& command) { return ::access(beside(command).c_str(), X_OK) == 0; }

/// Becomes that program. It starts MPI itself: a rank stays the process that the launcher started.
/// \throws Error, once for all ranks, where it is not there: `without` says why it may not be
int become(const std::string& command, const std::string& without, int argc, char** argv) {
  std::string program = beside(command).string();
  if (is_there(command)) {
    argv[0] = program.data();
    ::execv(argv[0], argv);
  }
  const Error error(errno == ENOENT ? without : concat("cannot start '", program, "': ", std::strerror(errno)));
  if (!find_launch()) throw error;
  return run_with_mpi(&argc, &argv, [&](Communicator& world) -> int {
    collectively(world, [&] { throw error; });
    return 1;
  });
}

const CatalogueEntry<Command> bench{"bench", {is_there("bench") ? "times parts of the program beside their alternatives" : "not in this build, which has no Google Benchmark",
    [](int argc, char** argv) {
      return become("bench",
                    "this build has no 'bench': Google Benchmark was not found (libbenchmark-dev, or launch/build --deps DIR)", argc,
                    argv);
    },
    true}};

const CatalogueEntry<Command> reproduce{"reproduce", {"a figure of the paper by real runs, its claims with verdicts",
    [](int argc, char** argv) {
      return become("reproduce", "there is no 'tersegrad-reproduce' beside this program; build or install it too", argc, argv);
    },
    true}};

}  // namespace
}  // namespace tersegrad
