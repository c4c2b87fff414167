#include "tersegrad/data/shard.hpp"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cassert>
#include <cmath>
#include <queue>

#include "tersegrad/core/error.hpp"
#include "tersegrad/data/shuffled_rows.hpp"

namespace tersegrad {
namespace {

void check_agents(std::int64_t agents, std::int64_t rows) {
  TERSEGRAD_CHECK(agents >= 1, "cannot share rows among ", agents, " agents (at least 1 is needed)");
  TERSEGRAD_CHECK(agents <= rows, "cannot give each of ", agents, " agents a row of its own (the training split has ",
                  rows, " rows); use at most ", rows, " agents");
}

/// log of one Gamma(alpha, 1) variate.
double log_gamma_variate(double alpha, Sequence& random) {
  const double u = random.uniform();
  const double v = random.uniform();
  return std::log(boost::math::gamma_p_inv(alpha + 1, u)) + std::log(v) / alpha;
}

/// Gives every agent without rows one of the agent that has most (the first of equals).
void fill_empty(Shards& shards) {
  using Size = std::pair<std::size_t, std::size_t>;  // rows, and the agent counted from the end
  std::priority_queue<Size> sizes;
  for (std::size_t agent = 0; agent < shards.size(); ++agent)
    sizes.emplace(shards[agent].size(), shards.size() - agent);
  for (auto& shard : shards) {
    if (!shard.empty()) continue;
    const auto [count, reversed] = sizes.top();
    sizes.pop();
    auto& richest = shards[shards.size() - reversed];
    shard.push_back(richest.back());
    richest.pop_back();
    sizes.emplace(count - 1, reversed);
  }
}

}  // namespace

Shards even_shards(std::int64_t rows, std::int64_t agents, std::uint64_t seed) {
  return even_shards(rows, agents, seed, 0, agents);
}

Shards even_shards(std::int64_t rows, std::int64_t agents, std::uint64_t seed, std::int64_t begin, std::int64_t end) {
  check_agents(agents, rows);
  assert(begin >= 0 && begin <= end && end <= agents);
  Shards shards;
  if (begin == end) return shards;
  const ShuffledRows shuffled(rows, Sequence({.seed = seed, .purpose = Purpose::shard}));
  for (std::int64_t agent = begin; agent < end; ++agent) {
    const std::int64_t first = agent * (rows / agents) + std::min(agent, rows % agents);
    const auto run = shuffled.order().subspan(
        static_cast<std::size_t>(first), static_cast<std::size_t>(rows / agents + (agent < rows % agents ? 1 : 0)));
    shards.emplace_back(run.begin(), run.end());
  }
  return shards;
}

Shards skewed_shards(std::span<const std::int64_t> labels, std::int64_t classes, std::int64_t agents, double alpha,
                     std::uint64_t seed) {
  check_agents(agents, static_cast<std::int64_t>(labels.size()));
  TERSEGRAD_CHECK(alpha > 0 && alpha <= max_skew_alpha, "cannot draw shards with a skew of ", alpha,
                  " (the Dirichlet parameter must be above 0 and at most ", max_skew_alpha,
                  ", where all shares are equal to 0.1 %)");
  Shards by_class(static_cast<std::size_t>(classes));
  for (std::size_t row = 0; row < labels.size(); ++row) {
    assert(labels[row] >= 0 && labels[row] < classes);
    by_class[static_cast<std::size_t>(labels[row])].push_back(static_cast<std::uint32_t>(row));
  }
  Shards shards(static_cast<std::size_t>(agents));
  for (std::size_t c = 0; c < by_class.size(); ++c) {
    auto& rows = by_class[c];
    // Even steps draw the order of a class, odd ones its shares; step 0 is even_shards' own.
    Sequence order({.seed = seed, .purpose = Purpose::shard, .agent = 0, .step = 2 * c + 2});
    Sequence draws({.seed = seed, .purpose = Purpose::shard, .agent = 0, .step = 2 * c + 1});
    shuffle(std::span(rows), order);
    const auto shares = dirichlet(agents, alpha, draws);
    double cumulative = 0;
    std::int64_t begin = 0;
    for (std::size_t agent = 0; agent < shards.size(); ++agent) {
      cumulative += shares[agent];
      const auto count = static_cast<std::int64_t>(rows.size());
      const bool last = agent + 1 == shards.size();  // rounding must not lose a row
      const std::int64_t end =
          last ? count : std::clamp<std::int64_t>(std::llround(cumulative * static_cast<double>(count)), begin, count);
      shards[agent].insert(shards[agent].end(), rows.begin() + begin, rows.begin() + end);
      begin = end;
    }
  }
  fill_empty(shards);
  for (auto& shard : shards) std::sort(shard.begin(), shard.end());
  return shards;
}

std::vector<std::int64_t> labels_of(const Examples& examples) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(examples.size()));
  for (std::size_t row = 0; row < labels.size(); ++row) labels[row] = examples.label(static_cast<std::int64_t>(row));
  return labels;
}

std::vector<double> dirichlet(std::int64_t count, double alpha, Sequence& random) {
  std::vector<double> shares(static_cast<std::size_t>(count));
  for (double& share : shares) share = log_gamma_variate(alpha, random);
  const double largest = *std::max_element(shares.begin(), shares.end());
  double sum = 0;
  for (double& share : shares) sum += share = std::exp(share - largest);
  for (double& share : shares) share /= sum;
  return shares;
}

Partition measure_partition(const Shards& shards, std::span<const std::int64_t> labels, std::int64_t classes) {
  Partition partition;
  std::vector<std::int64_t> all(static_cast<std::size_t>(classes));
  std::int64_t total = 0;
  for (const auto& shard : shards) {
    std::vector<std::int64_t> counts(all.size());
    for (const std::uint32_t row : shard) ++counts[static_cast<std::size_t>(labels[row])];
    for (std::size_t c = 0; c < all.size(); ++c) all[c] += counts[c];
    partition.rows.push_back(static_cast<std::int64_t>(shard.size()));
    partition.histogram.push_back(std::move(counts));
    total += partition.rows.back();
  }
  if (shards.empty()) return partition;
  const auto [smallest, largest] = std::minmax_element(partition.rows.begin(), partition.rows.end());
  partition.smallest = *smallest;
  partition.largest = *largest;
  for (std::size_t agent = 0; agent < shards.size(); ++agent) {
    double distance = 0;
    for (std::size_t c = 0; c < all.size() && partition.rows[agent] > 0; ++c) {
      distance +=
          std::abs(static_cast<double>(partition.histogram[agent][c]) / static_cast<double>(partition.rows[agent]) -
                   static_cast<double>(all[c]) / static_cast<double>(total));
    }
    partition.skew += distance / 2 / static_cast<double>(shards.size());
  }
  return partition;
}

}  // namespace tersegrad
