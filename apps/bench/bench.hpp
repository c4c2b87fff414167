// Benches: one file each under apps/, registered by name; `tersegrad bench <name>` runs one.
#pragma once

#include <time.h>

#include <functional>
#include <string>
#include <vector>

#include "tersegrad/core/catalogue.hpp"
#include "tersegrad/core/statistics.hpp"

namespace tersegrad {

/// One bench of the program.
///
/// `run` receives the arguments behind its name (argv[0] is "tersegrad bench <name>") and returns the exit status.
/// Error that escapes from it is printed as one line, with exit status 1.
struct Bench {
  static constexpr const char* family = "bench";
  std::string summary;  ///< one line, no full stop
  std::function<int(int argc, char** argv)> run;
};

using Benches = Catalogue<Bench>;

/// What a bench's seconds are: of the wall, or of the calling thread's own processor time, which a busy machine does
/// not stretch (on one, wall time favours short pieces of work, which end before they are interrupted).
enum class Clock { wall, thread };

inline double now_s(Clock clock) {
  timespec time{};
  clock_gettime(clock == Clock::wall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Median time in seconds of each of several pieces of work that are to be compared.
///
/// Every piece runs once to warm up; then `repeats` rounds run each piece once, one after the other, so that a
/// disturbance of the machine (a neighbour, a change of clock) falls on all of them and not on one.
/// \param repeats ≥ 1
/// \param clock   Clock::thread only for pieces that stay on the calling thread
inline std::vector<double> median_times_s(const std::vector<std::function<void()>>& pieces, int repeats,
                                          Clock clock = Clock::wall) {
  std::vector<std::vector<double>> times(pieces.size());
  for (const auto& piece : pieces) piece();
  for (int round = 0; round < repeats; ++round) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const double start = now_s(clock);
      pieces[i]();
      times[i].push_back(now_s(clock) - start);
    }
  }
  std::vector<double> medians;
  for (auto& of_piece : times) medians.push_back(upper_median(std::move(of_piece)));
  return medians;
}

}  // namespace tersegrad
