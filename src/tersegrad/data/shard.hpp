// Which rows of the training split belong to which agent.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/random/random.hpp"
#include "tersegrad/data/dataset.hpp"

namespace tersegrad {

/// The rows of each agent: every row of the training split belongs to exactly one.
using Shards = std::vector<std::vector<std::uint32_t>>;

/// A seeded shuffle of `rows` rows, cut into contiguous runs whose sizes differ by at most one (longer ones first).
/// \throws Error unless 1 ≤ agents ≤ rows ≤ max_rows
Shards even_shards(std::int64_t rows, std::int64_t agents, std::uint64_t seed);

/// Those of the agents [begin, end) alone, in order: a rank keeps what its agents need.
Shards even_shards(std::int64_t rows, std::int64_t agents, std::uint64_t seed, std::int64_t begin, std::int64_t end);

/// Largest Dirichlet parameter: shares then deviate by 1/√alpha = 0.1 % from equal ones, and inverting the Gamma
/// distribution gets slow and fails beyond.
inline constexpr double max_skew_alpha = 1e6;

/// Class-skewed shards: for each class, shares over the agents are drawn from Dirichlet(alpha, …, alpha) and the
/// class's shuffled rows are cut at the rounded cumulative shares (Yurochkin et al. 2019, arXiv:1905.12022, section 4).
/// An agent left with nothing gets a row of whoever has most. Rows are in ascending order.
///
/// \param labels  class of each row, in [0, classes)
/// \param alpha   in (0, max_skew_alpha]; large: equal class shares; small: each class with few agents
/// \throws Error unless 1 ≤ agents ≤ rows and alpha is in range
Shards skewed_shards(std::span<const std::int64_t> labels, std::int64_t classes, std::int64_t agents, double alpha,
                     std::uint64_t seed);

/// The classes of all rows, in order: what skewed_shards takes.
std::vector<std::int64_t> labels_of(const Examples& examples);

/// One draw from the symmetric Dirichlet distribution: `count` non-negative numbers with sum 1.
///
/// Normalised Gamma(alpha) variates by inversion, formed as logarithms (log Gamma(alpha) = log Gamma(alpha + 1) +
/// log(U)/alpha), so that no alpha, however small, makes all of them underflow.
std::vector<double> dirichlet(std::int64_t count, double alpha, Sequence& random);

/// How the rows and classes are spread over the agents, for the log.
struct Partition {
  std::vector<std::int64_t> rows;                    ///< of each agent
  std::vector<std::vector<std::int64_t>> histogram;  ///< rows[agent] by class
  std::int64_t smallest = 0;                         ///< rows of the agent with fewest
  std::int64_t largest = 0;
  /// Mean over the agents of the total variation distance between an agent's class shares and those of all rows:
  /// 0: all alike; near 1: nothing in common.
  double skew = 0;
};

/// \param labels as for skewed_shards
Partition measure_partition(const Shards& shards, std::span<const std::int64_t> labels, std::int64_t classes);

}  // namespace tersegrad
