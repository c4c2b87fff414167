#include "tersegrad/data/shard.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "data/files.hpp"

namespace tersegrad {
namespace {

/// Every row of 0 … rows − 1 belongs to exactly one agent, and every agent has one.
void expect_partition(const Shards& shards, std::int64_t rows, std::int64_t agents) {
  ASSERT_EQ(static_cast<std::int64_t>(shards.size()), agents);
  std::vector<int> owners(static_cast<std::size_t>(rows));
  for (const auto& shard : shards) {
    EXPECT_FALSE(shard.empty());
    for (const auto row : shard) ++owners.at(static_cast<std::size_t>(row));
  }
  EXPECT_TRUE(std::all_of(owners.begin(), owners.end(), [](int count) { return count == 1; }));
}

std::vector<std::int64_t> random_labels(std::int64_t rows, std::int64_t classes, std::uint64_t seed) {
  Sequence random({.seed = seed});
  std::vector<std::int64_t> labels(static_cast<std::size_t>(rows));
  for (auto& label : labels) label = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes)));
  return labels;
}

TEST(EvenShards, CoverEveryRowOnceAndDifferByAtMostOne) {
  for (const std::int64_t rows : {1, 2, 3, 7, 64, 455, 1000}) {
    for (const std::int64_t agents : {1, 2, 3, 4, 7, 64, 455, 1000}) {
      if (agents > rows) continue;
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        SCOPED_TRACE(concat(rows, " rows, ", agents, " agents, seed ", seed));
        const Shards shards = even_shards(rows, agents, seed);
        expect_partition(shards, rows, agents);
        const auto [least, most] = std::minmax_element(
            shards.begin(), shards.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
        EXPECT_LE(most->size() - least->size(), 1u);
        EXPECT_EQ(shards, even_shards(rows, agents, seed));
      }
    }
  }
}

TEST(EvenShards, PartsOfThemAreTheSameRowsInTheSameOrder) {
  for (const std::int64_t rows : {1, 10, 455}) {
    // What core's shuffle makes of all rows: the trajectory of every run depends on it.
    std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    Sequence random({.seed = 3, .purpose = Purpose::shard});
    shuffle(std::span(order), random);
    for (const std::int64_t agents : {1, 3, 10}) {
      if (agents > rows) continue;
      const Shards all = even_shards(rows, agents, 3);
      std::vector<std::int64_t> joined;
      for (const auto& shard : all) joined.insert(joined.end(), shard.begin(), shard.end());
      EXPECT_EQ(joined, order);
      for (std::int64_t begin = 0; begin <= agents; ++begin) {
        for (std::int64_t end = begin; end <= agents; ++end) {
          EXPECT_EQ(even_shards(rows, agents, 3, begin, end), Shards(all.begin() + begin, all.begin() + end));
        }
      }
    }
  }
  expect_error(error_of([] { even_shards(std::int64_t{1} << 32, 4, 1, 0, 1); }), {"4294967296 rows", "context"});
}

TEST(EvenShards, AreShuffledBySeed) {
  EXPECT_NE(even_shards(100, 2, 1), even_shards(100, 2, 2));
  // The first agent's share of the low half of 10,000 rows is hypergeometric: mean 2500, variance N/16·N/(N−1) = 625.
  // z = 6.1: false alarm below 1e-6 over 1,000 seeds (two-sided).
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Shards shards = even_shards(10000, 2, seed);
    const auto low = std::count_if(shards[0].begin(), shards[0].end(), [](auto row) { return row < 5000u; });
    EXPECT_NEAR(static_cast<double>(low), 2500, 6.11 * 25 + 0.5) << "seed " << seed;
  }
}

TEST(Shards, MoreAgentsThanRowsAreRefusedByBothNumbers) {
  const std::vector<std::int64_t> labels(7, 0);
  expect_error(error_of([] { even_shards(7, 8, 0); }), {"8 agents", "7 rows"});
  expect_error(error_of([&] { skewed_shards(labels, 1, 8, 1.0, 0); }), {"8 agents", "7 rows"});
  expect_error(error_of([] { even_shards(7, 0, 0); }), {"0 agents"});
  expect_error(error_of([] { even_shards(0, 1, 0); }), {"1 agents", "0 rows"});
  expect_error(error_of([&] { skewed_shards(labels, 1, -1, 1.0, 0); }), {"-1 agents"});
}

TEST(SkewedShards, CoverEveryRowOnceForAnyAlpha) {
  for (const std::int64_t rows : {1, 2, 9, 100, 1000}) {
    for (const std::int64_t agents : {1, 2, 5, 9, 100}) {
      if (agents > rows) continue;
      for (const double alpha : {1e-300, 1e-6, 0.01, 0.5, 1.0, 10.0, 1e6}) {
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
          SCOPED_TRACE(concat(rows, " rows, ", agents, " agents, alpha ", alpha, ", seed ", seed));
          const auto labels = random_labels(rows, 10, seed);
          const Shards shards = skewed_shards(labels, 10, agents, alpha, seed);
          expect_partition(shards, rows, agents);
          EXPECT_EQ(shards, skewed_shards(labels, 10, agents, alpha, seed));
        }
      }
    }
  }
}

TEST(SkewedShards, AlphaOutOfRangeIsRefused) {
  const std::vector<std::int64_t> labels(7, 0);
  for (const double alpha : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity(), 1.1e6}) {
    expect_error(error_of([&] { skewed_shards(labels, 1, 2, alpha, 0); }), {"skew of", "Dirichlet"});
  }
}

/// E p^k for p ~ Beta(a, b).
double beta_moment(double a, double b, int k) {
  double moment = 1;
  for (int i = 0; i < k; ++i) moment *= (a + i) / (a + b + i);
  return moment;
}

TEST(Dirichlet, HasItsMoments) {
  // One share of Dirichlet(α, …, α) over N agents is Beta(α, (N − 1)α): its mean and second moment, from n draws.
  // 2 statistics × 12 settings: z = 5.3 leaves a false alarm below 1e-5 in all, for near-normal means of n = 20,000.
  constexpr int draws = 20000;
  for (const std::int64_t agents : {2, 4, 10}) {
    for (const double alpha : {0.1, 0.5, 1.0, 10.0}) {
      SCOPED_TRACE(concat(agents, " agents, alpha ", alpha));
      Sequence random(
          {.seed = 11, .step = static_cast<std::uint64_t>(agents * 1000) + static_cast<std::uint64_t>(alpha * 10)});
      double first = 0;
      double second = 0;
      for (int i = 0; i < draws; ++i) {
        const auto shares = dirichlet(agents, alpha, random);
        EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
        const double share = shares[static_cast<std::size_t>(i) % shares.size()];
        first += share / draws;
        second += share * share / draws;
      }
      const double other = alpha * static_cast<double>(agents - 1);
      const auto moment = [&](int k) { return beta_moment(alpha, other, k); };
      EXPECT_NEAR(first, moment(1), 5.3 * std::sqrt((moment(2) - moment(1) * moment(1)) / draws));
      EXPECT_NEAR(second, moment(2), 5.3 * std::sqrt((moment(4) - moment(2) * moment(2)) / draws));
    }
  }
}

TEST(Dirichlet, IsFiniteAtTheExtremes) {
  for (const double alpha : {1e-300, 1e-100, 1e-3, 1e6}) {
    Sequence random({.seed = 12});
    for (int i = 0; i < 100; ++i) {
      double sum = 0;
      for (const double share : dirichlet(7, alpha, random)) {
        EXPECT_TRUE(share >= 0 && share <= 1) << share << " for alpha " << alpha;
        sum += share;
      }
      EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
}

TEST(SkewedShards, LargeAlphaGivesEqualClassShares) {
  // A class of n rows over N agents: an agent's count is the difference of two rounded cumulative shares, so within 1
  // of n·p, p ~ Beta(α, (N − 1)α), whose deviation is √((N − 1)/(N²(Nα + 1))). 20 seeds × 10 classes × 4 agents = 800
  // comparisons: z = 6.11 as if normal (for these α the Beta is, to 1/√α).
  constexpr std::int64_t rows = 10000, classes = 10, agents = 4;
  std::vector<std::int64_t> labels(rows);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i) % classes;
  for (const double alpha : {1e4, 1e6}) {
    const double deviation = std::sqrt((agents - 1) / (agents * agents * (agents * alpha + 1)));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto partition = measure_partition(skewed_shards(labels, classes, agents, alpha, seed), labels, classes);
      for (const auto& counts : partition.histogram) {
        for (const auto count : counts) EXPECT_NEAR(static_cast<double>(count), 250, 6.11 * 1000 * deviation + 1);
      }
      EXPECT_LT(partition.skew, 0.01);
    }
  }
}

TEST(SkewedShards, SmallAlphaConcentratesClasses) {
  // Σ over agents of the squared class shares has mean (α + 1)/(Nα + 1). Over seeds × classes draws it is compared at
  // z = 4.89 (1e-6) with the standard error of the sample; rounding to rows moves a share by at most 1/n.
  constexpr std::int64_t rows = 10000, classes = 10, agents = 4;
  std::vector<std::int64_t> labels(rows);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i) % classes;
  double previous_skew = 1;
  for (const double alpha : {0.05, 0.5, 5.0}) {
    double sum = 0;
    double squares = 0;
    double skew = 0;
    constexpr int seeds = 100;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      const auto partition = measure_partition(skewed_shards(labels, classes, agents, alpha, seed), labels, classes);
      skew += partition.skew / seeds;
      for (std::size_t c = 0; c < classes; ++c) {
        double concentration = 0;
        for (const auto& counts : partition.histogram)
          concentration += std::pow(static_cast<double>(counts[c]) / 1000, 2);
        sum += concentration;
        squares += concentration * concentration;
      }
    }
    constexpr double n = seeds * classes;
    const double mean = sum / n;
    const double error = std::sqrt((squares / n - mean * mean) / n);
    EXPECT_NEAR(mean, (alpha + 1) / (agents * alpha + 1), 4.89 * error + 2.0 * agents / 1000) << "alpha " << alpha;
    EXPECT_LT(skew, previous_skew);
    previous_skew = skew;
  }
}

TEST(SkewedShards, AgentsLeftEmptyGetARow) {
  // One class and a tiny α: nearly all rows go to one agent.
  const std::vector<std::int64_t> labels(50, 0);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Shards shards = skewed_shards(labels, 1, 50, 1e-3, seed);
    for (const auto& shard : shards) EXPECT_EQ(shard.size(), 1u);
    const auto few = measure_partition(skewed_shards(labels, 1, 5, 1e-6, seed), labels, 1);
    EXPECT_EQ(few.smallest, 1);
    EXPECT_EQ(few.largest, 46);
  }
}

TEST(SkewedShards, RowsOfAClassAreShuffled) {
  // Two agents, α = 10⁶: each gets half of the class, to within 6·1000/√(8·10⁶) + 1 = 3 rows. That the low half of
  // the rows is split evenly is hypergeometric: variance 1000/16 (N/(N−1) ≈ 1), 200 seeds: z = 5.9. Unshuffled, agent
  // 0 has all.
  const std::vector<std::int64_t> labels(1000, 0);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Shards shards = skewed_shards(labels, 1, 2, 1e6, seed);
    const auto low = std::count_if(shards[0].begin(), shards[0].end(), [](auto row) { return row < 500; });
    EXPECT_NEAR(static_cast<double>(low), 250, 5.9 * std::sqrt(1000.0 / 16 * 1.001) + 3);
  }
}

TEST(Partition, MeasuresWhatItIsGiven) {
  const std::vector<std::int64_t> labels{0, 0, 1, 1};
  const auto apart = measure_partition({{0, 1}, {2, 3}}, labels, 2);
  EXPECT_EQ(apart.rows, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(apart.histogram, (std::vector<std::vector<std::int64_t>>{{2, 0}, {0, 2}}));
  EXPECT_DOUBLE_EQ(apart.skew, 0.5);
  const auto alike = measure_partition({{0, 2}, {1, 3}}, labels, 2);
  EXPECT_EQ(alike.skew, 0);
  const auto uneven = measure_partition({{0}, {1, 2, 3}}, labels, 2);
  EXPECT_EQ(uneven.smallest, 1);
  EXPECT_EQ(uneven.largest, 3);
  EXPECT_DOUBLE_EQ(uneven.skew, (0.5 + (0.5 - 1.0 / 3)) / 2);
}

TEST(Labels, AreThoseOfTheExamples) {
  const auto data = DatasetRegistry::instance().make("breast-cancer", {});
  const auto labels = labels_of(data->train());
  ASSERT_EQ(static_cast<std::int64_t>(labels.size()), data->train().size());
  for (std::size_t row = 0; row < labels.size(); ++row)
    EXPECT_EQ(labels[row], data->train().label(static_cast<std::int64_t>(row)));
}

}  // namespace
}  // namespace tersegrad
