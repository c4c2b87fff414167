// What a checkpoint keeps of what a run has counted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/train/records/run_totals.hpp"

namespace tersegrad {

/// A run's totals up to some step, and what else goes on from there; complete on rank 0.
struct RunCounters : RunTotals {
  std::int64_t records = 0;  ///< written to the log
  std::int64_t skips_in_a_row = 0;
  double elapsed_s = 0;     ///< wall clock of the steps
  double evaluation_s = 0;  ///< of it, evaluation and noise reports

  /// As 64-bit words, and back. \throws Error if they are not as many, or impossible
  std::vector<std::uint64_t> words() const;
  static RunCounters from_words(std::span<const std::uint64_t> words);
};

}  // namespace tersegrad
