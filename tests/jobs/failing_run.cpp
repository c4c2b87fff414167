// A job whose rank fails in the middle of its steps: failure_test.py starts it and looks at how it ends.
//
// usage: failing_run HOW RANK [STALL_TIMEOUT]; every rank exchanges small messages, and at step 3 the rank RANK fails:
//   error      throws Error                         unknown  throws what is no std::exception
//   lines      throws a text of several lines       memory   asks for more memory than there is
//   together   fails inside `collectively`          everywhere  as all others do (RANK is ignored)
//   none       not at all: the job ends well
//   loop       computes for ever                    freeze   stands still, with all its threads
//   deadlock   waits for a message that nobody sends
//   slow       computes for two timeouts, in pieces: the job ends well
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tersegrad/comm/monitor/watchdog.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/comm/mpi/environment.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/system/stopwatch.hpp"

namespace {

using namespace tersegrad;

struct Unknown {};

/// For so long, with a core of its own.
void compute(double seconds) {
  const Stopwatch watch;
  while (watch.seconds() < seconds) {
  }
}

void stall(const Communicator& world, const std::string& how, double timeout_s) {
  if (how == "loop") compute(1e9);
  if (how == "freeze") std::raise(SIGSTOP);
  if (how == "deadlock") {
    std::byte never{};
    world.receive(std::span(&never, 1), world.rank() == 0 ? 1 : 0, 77);
  }
  if (how == "slow") {
    for (int piece = 0; piece < 16; ++piece) {
      tell_progress();
      compute(timeout_s / 8);
    }
  }
}

void fail(const std::string& how, int rank) {
  if (how == "error") throw Error(concat("a fault at step 3 of rank ", rank));
  if (how == "unknown") throw Unknown();
  if (how == "lines") throw std::runtime_error("a fault with a stack\nframe #0: somewhere\nframe #1: elsewhere");
#if defined(TERSEGRAD_SANITIZED)
  if (how == "memory") throw std::bad_alloc();  // a sanitizer's operator new ends the program instead
#endif
  if (how == "memory") std::vector<char>(static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()));
}

int steps(const Communicator& world, const std::string& how, int failing, double timeout_s) {
  const Watchdog stalls(world, timeout_s);
  // The values of this frame die while an exception unwinds, as a run's do.
  std::vector<std::byte> mine(1000), all(1000 * static_cast<std::size_t>(world.size()));
  for (int step = 0; step < 10; ++step) {
    Watchdog::begin_step(step + 1);
    if (step == 3 && world.rank() == failing) fail(how, failing);
    if (step == 3 && world.rank() == failing) stall(world, how, timeout_s);
    if (step == 3 && (how == "together" || how == "everywhere")) {
      collectively(world, [&] {
        if (how == "everywhere" || world.rank() == failing) throw Error("a fault that all ranks learn of");
      });
    }
    world.all_gather(mine, all);
    world.broadcast(mine, 0);
  }
  if (world.rank() == 0) std::printf("10 steps\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  const std::string how = argv[1];
  const int failing = std::atoi(argv[2]);
  const double timeout_s = argc == 4 ? std::atof(argv[3]) : 0;
  return run_with_mpi(&argc, &argv, [&](Communicator& world) { return steps(world, how, failing, timeout_s); });
}
