// The progress line of an evaluation: what it says, and when.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tersegrad/log/write/progress.hpp"

namespace tersegrad {

/// Lines such as
///     evaluating … 12 %, 3 min 05 s left
///
/// of one evaluation. Times are handed in, so it needs no clock.
class EvaluationLine {
 public:
  /// \param now_s any origin, never falling: the evaluation begins
  EvaluationLine(ProgressStyle style, double now_s) : style_(style), start_s_(now_s) {}

  /// The line to show at `now_s`, or nothing when it is not time yet: an evaluation of less than a second says nothing.
  /// live: then ten a second. sparse: then at every further fifth, no two within 5 s; where a fifth takes longer than
  /// 30 s, after 30 s or 5 % of the time since the start, whichever is longer. \param chunks > 0, of which `done`
  std::optional<std::string> update(std::int64_t done, std::int64_t chunks, double now_s);

 private:
  bool due(double share, double now_s) const;

  ProgressStyle style_;
  double start_s_;
  std::optional<double> shown_s_;
  double shown_share_ = 0;
};

}  // namespace tersegrad
