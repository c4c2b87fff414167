#include "tersegrad/data/split.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tersegrad/core/error.hpp"
#include "tersegrad/data/shuffled_rows.hpp"

namespace tersegrad {
namespace {

/// \param draw 0: train/test split, 1: sample of the training split
ShuffledRows shuffled_rows(std::int64_t rows, std::uint64_t seed, std::uint64_t draw) {
  return {rows, Sequence({.seed = seed, .purpose = Purpose::split, .agent = 0, .step = draw})};
}

}  // namespace

Split split_rows(std::int64_t rows, double test_share, std::uint64_t seed) {
  TERSEGRAD_CHECK(rows >= 2, "cannot split ", rows, " rows into training and test rows (at least 2 are needed)");
  const auto shuffled = shuffled_rows(rows, seed, 0);
  const auto order = shuffled.order();
  const auto wanted = static_cast<std::int64_t>(std::llround(test_share * static_cast<double>(rows)));
  const auto cut = order.begin() + (rows - std::clamp<std::int64_t>(wanted, 1, rows - 1));
  return {{order.begin(), cut}, {cut, order.end()}};
}

std::vector<std::int64_t> sample_rows(std::int64_t rows, std::int64_t samples, std::uint64_t seed,
                                      const std::string& name) {
  TERSEGRAD_CHECK(samples >= 0 && samples <= rows, "cannot take ", samples, " training samples of data set '", name,
                  "' (it has ", rows, "); ask for 1 to ", rows, ", or 0 for all");
  if (samples == 0) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(rows));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    return all;
  }
  const auto shuffled = shuffled_rows(rows, seed, 1);
  const auto first = shuffled.order().first(static_cast<std::size_t>(samples));
  return {first.begin(), first.end()};
}

}  // namespace tersegrad
