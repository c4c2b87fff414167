// Which rows of a test set an evaluation takes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tersegrad {

/// --eval-samples: so many rows, or one of these.
inline constexpr std::int64_t eval_rows_by_labels = 0;  ///< `auto`: as many rows as have default_eval_labels labels
inline constexpr std::int64_t eval_all_rows = -1;       ///< `all`

/// Enough for an accuracy to within 0.3 % (two standard errors of a share of one half), and all of every built-in test
/// set: 10,000 images have a label each, Tiny Shakespeare's last tenth has 111,488. Of sequences of 1,024 tokens 128 rows:
/// the forward passes of a step of 4 agents at batch 32.
inline constexpr std::int64_t default_eval_labels = 131'072;

/// `count` of `all` rows, evenly spaced from the first on: a text's parts differ, and its beginning stands for none of the
/// others. All of them, in their order, where there are no more. A function of the three numbers, so that every
/// evaluation of a run, and of every run, takes the same rows.
struct EvaluatedRows {
  std::int64_t all = 0;
  std::int64_t count = 0;  ///< 0 to all

  /// ⌊i·all/count⌋, the i-th of them, 0 ≤ i < count; in two parts, as i·all may leave 64 bits.
  std::int64_t row(std::int64_t i) const { return i * (all / count) + i * (all % count) / count; }
  bool is_part() const { return count < all; }
};

/// \param samples --eval-samples \param all the test set's rows \param labels_per_row at least 1
inline EvaluatedRows evaluated_rows(std::int64_t samples, std::int64_t all, std::int64_t labels_per_row) {
  if (samples == eval_all_rows) return {all, all};
  const std::int64_t wanted =
      samples == eval_rows_by_labels ? std::max<std::int64_t>(1, default_eval_labels / labels_per_row) : samples;
  return {all, std::min(wanted, all)};
}

}  // namespace tersegrad
