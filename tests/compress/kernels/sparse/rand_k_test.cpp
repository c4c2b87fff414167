#include "tersegrad/compress/kernels/sparse/geometric.hpp"
#include "tersegrad/compress/kernels/sparse/rand_k.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <map>

#include "compress/kernels/kernels.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

Stream stream_of(std::uint64_t seed, std::uint64_t step = 0) {
  return Stream({.seed = seed, .purpose = Purpose::sparsify, .agent = 3, .step = step});
}

std::vector<std::uint32_t> draw(std::uint64_t seed, std::uint64_t step, std::int64_t n, std::int64_t k) {
  std::vector<std::uint32_t> sorted;
  draw_subset(stream_of(seed, step), n, k, sorted);
  return sorted;
}

/// What χ² with that many degrees of freedom exceeds with probability 1e-8.
double chi_squared_bound(double degrees) {
  return boost::math::quantile(boost::math::complement(boost::math::chi_squared(degrees), 1e-8));
}

bool is_subset_of(std::int64_t n, std::int64_t k, const std::vector<std::uint32_t>& sorted) {
  if (static_cast<std::int64_t>(sorted.size()) != k) return false;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] >= n || (i > 0 && sorted[i - 1] >= sorted[i])) return false;
  }
  return true;
}

TEST(DrawSubset, HasExactlyKDistinctAscendingIndices) {
  for (const std::int64_t n : {0, 1, 2, 3, 7, 63, 64, 65, 128, 1000, 4096, 70001}) {
    for (const auto k : std::vector<std::int64_t>{0, 1, n / 1000, n / 300, n / 100, n / 3, n / 2, n / 2 + 1, n}) {
      if (k < 0 || k > n) continue;
      const auto sorted = draw(static_cast<std::uint64_t>(n), 1, n, k);
      EXPECT_TRUE(is_subset_of(n, k, sorted)) << k << " of " << n;
    }
  }
}

TEST(DrawSubset, EqualsReference) {
  for (const std::int64_t n : {1, 2, 5, 64, 100, 255, 1000, 5000, 65536, 100000}) {
    for (const auto k : std::vector<std::int64_t>{0, 1, 2, n / 2000, n / 300, n / 255, n / 9, n / 2, n - n / 3, n}) {
      if (k > n) continue;
      std::vector<std::uint32_t> want;
      reference::draw_subset(stream_of(17), n, k, want);
      on_every_target([&, n = n] {
        std::vector<std::uint32_t> got{1, 2, 3};
        draw_subset(stream_of(17), n, k, got);
        EXPECT_EQ(got, want) << k << " of " << n;
      });
    }
  }
  // A bitmap of many cache regions, the last one not full.
  for (const std::int64_t k : {20000, 1000000}) {
    std::vector<std::uint32_t> want, got;
    reference::draw_subset(stream_of(19), 3000077, k, want);
    draw_subset(stream_of(19), 3000077, k, got);
    EXPECT_EQ(got, want) << k;
  }
  // Large n that reject up to half of the words.
  for (const std::int64_t n : {(std::int64_t{1} << 31) + 1, 3 * (std::int64_t{1} << 30), (std::int64_t{1} << 32) - 1}) {
    std::vector<std::uint32_t> want, got;
    reference::draw_subset(stream_of(18), n, 3000, want);
    draw_subset(stream_of(18), n, 3000, got);
    EXPECT_EQ(got, want) << n;
    EXPECT_TRUE(is_subset_of(n, 3000, got));
  }
}

TEST(DrawSubsets, EqualsReference) {
  for (const std::int64_t n : {1, 2, 3, 7, 64, 1000}) {
    for (const auto k : std::vector<std::int64_t>{0, 1, 2, n / 3, n / 2, n - 1, n}) {
      if (k < 0 || k > n) continue;
      for (const std::int64_t replicas : {0, 1, 5, 300}) {
        std::vector<std::uint32_t> want, got{1, 2, 3};
        reference::draw_subsets(stream_of(23), n, k, replicas, want);
        draw_subsets(stream_of(23), n, k, replicas, got);
        EXPECT_EQ(got, want) << k << " of " << n << ", " << replicas << " replicas";
      }
    }
  }
  std::vector<std::uint32_t> want, got;  // bounds that reject nearly half of the words
  reference::draw_subsets(stream_of(24), (std::int64_t{1} << 31) + 9, 200, 1, want);
  draw_subsets(stream_of(24), (std::int64_t{1} << 31) + 9, 200, 1, got);
  EXPECT_EQ(got, want);
}

TEST(DrawSubsets, EverySubsetIsEquallyLikelyInEveryReplica) {
  constexpr std::int64_t n = 5, k = 2, replicas = 20000;  // 10 subsets
  std::vector<std::uint32_t> drawn;
  draw_subsets(stream_of(25), n, k, replicas, drawn);
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> counts;
  for (std::int64_t r = 0; r < replicas; ++r) {
    const auto base = static_cast<std::uint32_t>(r * n);
    const auto first = drawn[static_cast<std::size_t>(r * k)] - base,
               second = drawn[static_cast<std::size_t>(r * k + 1)] - base;
    ASSERT_LT(first, second);
    ASSERT_LT(second, n);
    ++counts[{first, second}];
  }
  double chi_squared = 0;
  for (const auto& [subset, count] : counts) chi_squared += (count - 2000.0) * (count - 2000.0) / 2000.0;
  EXPECT_EQ(counts.size(), 10u);
  EXPECT_LT(chi_squared, chi_squared_bound(9));
}

TEST(DrawSubset, DependsOnTheStreamOnly) {
  const auto first = draw(1, 2, 10000, 100);
  draw(5, 6, 3000, 2000);  // whatever scratch another call leaves behind
  EXPECT_EQ(draw(1, 2, 10000, 100), first);
  EXPECT_NE(draw(1, 3, 10000, 100), first);
  EXPECT_NE(draw(2, 2, 10000, 100), first);
}

// All C(n, k) subsets equally likely: Pearson's χ² over the subsets.
TEST(DrawSubset, EverySubsetIsEquallyLikely) {
  for (const auto& [n, k] : {std::pair{6, 3}, std::pair{6, 4}, std::pair{5, 1}, std::pair{7, 2}}) {
    constexpr int draws = 40000;
    std::map<std::vector<std::uint32_t>, int> counts;
    for (int i = 0; i < draws; ++i) ++counts[draw(23, static_cast<std::uint64_t>(i), n, k)];
    int subsets = 1;
    for (int i = 0; i < k; ++i) subsets = subsets * (n - i) / (i + 1);
    ASSERT_EQ(static_cast<int>(counts.size()), subsets);
    const double expected = static_cast<double>(draws) / subsets;
    double chi_squared = 0;
    for (const auto& [subset, count] : counts) chi_squared += (count - expected) * (count - expected) / expected;
    EXPECT_LT(chi_squared, chi_squared_bound(subsets - 1)) << k << " of " << n;
  }
}

// Inclusion counts c_i of simple random sampling: Σ (c_i − m·p)² / (m·p·(1 − p)) · (n − 1)/n is χ² with n − 1 degrees
// of freedom for many draws m (the c_i add up to m·k). The sparse path (k < n/256), the bitmap and the complement.
TEST(DrawSubset, EveryIndexIsEquallyLikely) {
  for (const auto& [n, k] : {std::pair{1030, 4}, std::pair{100, 9}, std::pair{100, 85}, std::pair{97, 1}}) {
    constexpr int draws = 30000;
    std::vector<double> counts(static_cast<std::size_t>(n));
    for (int i = 0; i < draws; ++i) {
      for (const auto index : draw(29, static_cast<std::uint64_t>(i), n, k)) ++counts[index];
    }
    const double p = static_cast<double>(k) / n, expected = draws * p;
    double sum = 0;
    for (const double count : counts) sum += (count - expected) * (count - expected);
    EXPECT_LT(sum / (expected * (1 - p)) * (n - 1) / n, chi_squared_bound(n - 1)) << k << " of " << n;
  }
}

// Pairs: both of i < j with probability k(k−1)/(n(n−1)). z = 6.7 bounds 1 225 pairs and 3 cases at 1e-7 in all
// (two-sided normal tail 2.1e-11 each).
TEST(DrawSubset, EveryPairIsEquallyLikely) {
  for (const auto& [n, k] : {std::pair{50, 7}, std::pair{50, 43}, std::pair{50, 25}}) {
    constexpr int draws = 40000;
    std::vector<int> counts(static_cast<std::size_t>(n * n));
    for (int i = 0; i < draws; ++i) {
      const auto sorted = draw(31, static_cast<std::uint64_t>(i), n, k);
      for (std::size_t a = 0; a < sorted.size(); ++a) {
        for (std::size_t b = a + 1; b < sorted.size(); ++b) {
          ++counts[sorted[a] * static_cast<std::size_t>(n) + sorted[b]];
        }
      }
    }
    const double p = static_cast<double>(k) * (k - 1) / n / (n - 1);
    const double standard_error = std::sqrt(p * (1 - p) * draws);
    for (int a = 0; a < n; ++a) {
      for (int b = a + 1; b < n; ++b) {
        EXPECT_NEAR(counts[static_cast<std::size_t>(a * n + b)], p * draws, 6.7 * standard_error) << a << "," << b;
      }
    }
  }
}

// The sparse path with repeats among its draws: pairs of neighbours in a short range, counted by distance.
TEST(DrawSubset, SparseDrawsKeepNoTraceOfRepeats) {
  // Drawing k = 40 of 10 300 repeats a coordinate in 7 % of the calls; gaps between neighbours have mean (n+1)/(k+1).
  constexpr std::int64_t n = 10300, k = 40;
  constexpr int draws = 20000;
  double sum = 0;
  int adjacent = 0;
  for (int i = 0; i < draws; ++i) {
    const auto sorted = draw(37, static_cast<std::uint64_t>(i), n, k);
    ASSERT_TRUE(is_subset_of(n, k, sorted));
    sum += sorted[0];
    for (std::size_t a = 1; a < sorted.size(); ++a) adjacent += sorted[a] == sorted[a - 1] + 1;
  }
  // The smallest of k of {0..n−1}: mean (n−k)/(k+1), standard deviation below that mean + 1 (nearly geometric).
  const double mean = static_cast<double>(n - k) / (k + 1);
  EXPECT_NEAR(sum / draws, mean, 5.33 * (mean + 1) / std::sqrt(draws));
  // Adjacent pairs: expectation k(k−1)/n; nearly Poisson.
  const double pairs = draws * static_cast<double>(k) * (k - 1) / n;
  EXPECT_NEAR(adjacent, pairs, 5.33 * std::sqrt(pairs));
}

TEST(GatherScatter, AreEachOthersInverse) {
  const std::uint32_t base = 1000;
  const auto x = mixed_values(500, 41, 5);
  auto sorted = draw(43, 0, 500, 60);
  for (auto& index : sorted) index += base;
  std::vector<float> values(sorted.size());
  gather(x, sorted, base, values);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(x[sorted[i] - base]));
  }
  std::vector<float> sum(500, 1.0f), want(500, 1.0f);
  scatter_add(values, sorted, base, 0.3f, sum);
  for (const auto index : sorted) {
    const float product = 0.3f * x[index - base];
    want[index - base] += product;
  }
  EXPECT_TRUE(same_floats(sum, want));
}

TEST(GatherScatter, NothingToDo) {
  std::vector<float> x(3, 1.0f), none;
  gather(x, {}, 0, none);
  scatter_add(none, {}, 7, 1.0f, x);
  EXPECT_EQ(x, std::vector<float>(3, 1.0f));
}

TEST(GeometricGaps, AreThoseOfStdLog) {
  const std::size_t n = 20011;
  std::vector<std::uint32_t> words(2 * n);
  Stream({.seed = 11}).fill(0, words);
  for (std::size_t i = 0; i < n; i += 17) {  // U next to 0 and to 1, and where ln U/ln ½ is a whole number
    words[2 * i + 1] = i % 2 == 0 ? 0u : i % 3 == 0 ? 0xffffffffu : 1u << (i % 32);
    words[2 * i] = i % 5 == 0 ? 0u : i % 7 == 0 ? 0xffffffffu : words[2 * i];
  }
  for (const double p : {1e-9, 1e-3, 0.01, 0.3, 0.5, 0.75, 0.999, 1.0}) {
    std::vector<double> expected(n);
    reference::geometric_gaps(words, std::log1p(-p), expected);
    testing::on_every_target([&] {
      for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{9}, n}) {
        for (const std::size_t offset : {0u, 1u}) {
          testing::Guarded<std::uint32_t> in(std::span<const std::uint32_t>(words).first(2 * size), offset);
          testing::Guarded<double> gaps(size, offset);
          geometric_gaps(in.span(), std::log1p(-p), gaps.span());
          EXPECT_TRUE(gaps.guards_survive());
          EXPECT_TRUE(testing::same_bytes<double>(gaps.span(), std::span<const double>(expected).first(size))) << p;
        }
      }
    });
  }
}

}  // namespace
}  // namespace tersegrad::kernels
