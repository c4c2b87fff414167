// tersegrad bench, in a build without Google Benchmark.
#include "apps/command.hpp"
#include "tersegrad/comm/collectively.hpp"
#include "tersegrad/comm/environment.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

int run(int argc, char** argv) {
  const Error error(
      "this build has no 'bench': Google Benchmark was not found (libbenchmark-dev, or launch/build --deps DIR)");
  if (!under_mpi_launcher()) throw error;
  return run_with_mpi(&argc, &argv, [&](Communicator& world) -> int {
    collectively(world, [&] { throw error; });
    return 1;
  });
}

const CommandRegistration registration{"bench", "not in this build, which has no Google Benchmark", run, true};

}  // namespace
}  // namespace tersegrad
