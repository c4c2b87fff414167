// Which rows of a table are for training and which for testing, and how a training split is made smaller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tersegrad {

/// Row numbers of the two splits of one table.
struct Split {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> test;
};

/// Cuts a seeded shuffle of `rows` rows: round(test_share · rows) of them, its last, are the test split.
/// \param test_share in (0, 1); both splits get at least one row
/// \throws Error for fewer than two rows
Split split_rows(std::int64_t rows, double test_share, std::uint64_t seed);

/// The first `samples` rows of a seeded shuffle of `rows` rows, in its order: a smaller sample is the beginning of a
/// larger one. `samples` 0: all rows in their own order.
/// \param name the data set, for the error
/// \throws Error if `samples` is negative or more than `rows`
std::vector<std::int64_t> sample_rows(std::int64_t rows, std::int64_t samples, std::uint64_t seed,
                                      const std::string& name);

}  // namespace tersegrad
