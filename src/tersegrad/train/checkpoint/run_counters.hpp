// What a run has counted so far.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "tersegrad/train/report/result.hpp"

namespace tersegrad {

/// The sums behind a run's summary, up to some step; complete on rank 0.
struct RunCounters {
  std::int64_t step = 0;       ///< steps done, the skipped ones included
  std::int64_t records = 0;    ///< written to the log
  std::int64_t nonfinite_steps = 0;
  std::int64_t skips_in_a_row = 0;
  double loss_first = std::numeric_limits<double>::quiet_NaN();
  double loss_last = std::numeric_limits<double>::quiet_NaN();
  double elapsed_s = 0;     ///< wall clock of the steps
  double evaluation_s = 0;  ///< of it, evaluation and noise reports
  Traffic traffic;
  TimeSplit time;           ///< mean over the hosting ranks
  std::optional<LinkTraffic> links;
  std::int64_t noise_reports = 0;
  NoiseMeasurement noise_measured;

  /// As 64-bit words, and back. \throws Error if they are not as many, or impossible
  std::vector<std::uint64_t> words() const;
  static RunCounters from_words(std::span<const std::uint64_t> words);
};

}  // namespace tersegrad
