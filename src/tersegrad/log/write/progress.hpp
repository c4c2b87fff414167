// The progress line: what it says, and when.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tersegrad/log/sink.hpp"

namespace tersegrad {

/// In place on a terminal; a few whole lines in a log file.
enum class ProgressStyle { live, sparse };

/// Turns records into lines such as
///     step 120/500  loss 0.4321  accuracy 0.912  12.3 steps/s  16.7 kB up/step  31 s left
///
/// It reads the columns "step", "loss", "test_accuracy" and "uplink_bytes" where they exist. Times are handed in, so
/// it needs no clock.
class Progress {
 public:
  Progress(const RunInfo& info, ProgressStyle style);

  /// The line to show at `now_s` (any origin, never falling), or nothing when it is not time yet. live: the first
  /// record, then ten a second. sparse: the first record, then every 5 % of the steps; where that takes longer than
  /// 30 s, after 30 s or 5 % of the time since the start, whichever is longer, so that the lines of a long run
  /// grow with the logarithm of its length.
  std::optional<std::string> update(const std::vector<double>& record, double now_s);

  /// The line of the last record, unless update has just returned it.
  std::optional<std::string> last_line(double now_s);

 private:
  bool due(double now_s) const;
  std::string line(double now_s);
  double value(int column) const { return column < 0 ? 0 : last_[static_cast<std::size_t>(column)]; }

  struct Anchor {
    double step;
    double time_s;
  };
  ProgressStyle style_;
  std::int64_t steps_;
  int step_, loss_, accuracy_, uplink_;  // columns; -1: the run has none
  std::vector<double> last_;
  double measured_accuracy_;
  double start_s_ = 0;
  double shown_s_ = 0;
  double shown_step_ = 0;
  bool shown_last_ = false;
  std::optional<Anchor> older_, newer_;  // the rate is measured since the older: over the last one to two minutes
};

}  // namespace tersegrad
