// The tail index of many small groups: the integral against closed forms, no bias at few draws, honest intervals.
#include "tersegrad/theory/student/student_groups.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "theory/statistics.hpp"
#include "theory/student/student_samples.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// log ∫∫ by brute force: a fine grid over a wide range.
double brute_force(const std::vector<double>& x, double nu) {
  const auto k = static_cast<double>(x.size());
  const double constant =
      std::lgamma(0.5 * (nu + 1)) - std::lgamma(0.5 * nu) - 0.5 * std::log(nu * 3.14159265358979323846);
  double total = 0;
  for (double r = -8; r <= 8; r += 0.1) {
    const double s = std::exp(r);
    // The m axis in units of s near the data, so that every peak is seen.
    const double low = *std::min_element(x.begin(), x.end()) - 30 * s,
                 high = *std::max_element(x.begin(), x.end()) + 30 * s;
    const double h = std::min(0.1 * s * std::sqrt(std::min(nu, 1.0)), (high - low) / 600);
    if ((high - low) / h > 2e5) continue;  // s so small that its weight is nothing
    for (double m = low; m <= high; m += h) {
      double log_value = k * (constant - r);
      for (const double value : x) log_value -= 0.5 * (nu + 1) * std::log1p((value - m) * (value - m) / (nu * s * s));
      total += std::exp(log_value - r) * h * 0.1 * s;
    }
  }
  return std::log(total);
}

TEST(StudentGroups, IntegralEqualsBruteForce) {
  // Up to a constant of the group: differences between tail indices count.
  for (const std::uint64_t stream : {1u, 2u, 3u}) {
    const auto x = student_sample(2, 1, 8, stream);
    const double at_two = brute_force(x, 2), mine_at_two = configuration_log_likelihood(x, 2);
    for (const double nu : {0.5, 1.0, 5.0, 50.0}) {
      EXPECT_NEAR(configuration_log_likelihood(x, nu) - mine_at_two, brute_force(x, nu) - at_two,
                  nu < 1    ? 2e-2
                  : nu == 1 ? 1e-3
                            : 1e-5)
          << "nu " << nu << ", stream " << stream;
    }
  }
}

TEST(StudentGroups, ApproachesTheGaussiansClosedForm) {
  for (const std::size_t k : {4, 5, 8, 16}) {
    const auto x = student_sample(infinity, 3, k, k);
    const double gaussian = configuration_log_likelihood(x, infinity);
    EXPECT_NEAR(configuration_log_likelihood(x, 9.9e7), gaussian, 1e-5) << k;
    const auto far = estimate_group(x, 9.9e7), closed = estimate_group(x, infinity);
    EXPECT_NEAR(far.location, closed.location, 1e-5);
    EXPECT_NEAR(far.log_scale, closed.log_scale, 1e-5);
  }
}

TEST(StudentGroups, DoesNotDependOnLocationAndScale) {
  auto x = student_sample(3, 1, 8, 9);
  auto moved = x;
  for (double& value : moved) value = 1e-6 * (value - 40);
  const auto change = [](const auto& values) {
    return configuration_log_likelihood(values, 1.5) - configuration_log_likelihood(values, 20);
  };
  EXPECT_NEAR(change(x), change(moved), 1e-9);
  const auto here = estimate_group(x, 3), there = estimate_group(moved, 3);
  EXPECT_NEAR(there.location, 1e-6 * (here.location - 40), 1e-14);
  EXPECT_NEAR(there.log_scale, here.log_scale + std::log(1e-6), 1e-9);
}

TEST(StudentGroups, EstimatesOfLocationAndScaleHaveNoBias) {
  for (const double nu : {1.0, 3.0, infinity}) {
    for (const std::size_t k : {4, 8}) {
      const auto draws = student_sample(nu, 2, 4000 * k, k);
      std::vector<double> locations, log_scales;
      for (std::size_t g = 0; g < 4000; ++g) {
        const auto group = estimate_group(std::span(draws).subspan(g * k, k), nu);
        locations.push_back(group.location);
        log_scales.push_back(group.log_scale);
      }
      expect_matches(estimate(log_scales), std::log(2.0), z_value(12));
      if (nu > 1) expect_matches(estimate(locations), 0, z_value(12));
    }
  }
}

/// `clusters` sets of `groups` groups of k draws, each group with a location and scale of its own.
std::vector<std::vector<double>> grouped(double nu, std::size_t clusters, std::size_t groups, std::size_t k,
                                         std::uint64_t stream) {
  std::vector<std::vector<double>> sets;
  for (std::size_t c = 0; c < clusters; ++c) {
    auto draws = student_sample(nu, 1, groups * k, stream * 100 + c);
    for (std::size_t g = 0; g < groups; ++g) {
      const double scale = std::exp(0.1 * static_cast<double>(g % 50)), location = static_cast<double>(g % 7) - 3;
      for (std::size_t b = 0; b < k; ++b) draws[g * k + b] = location + scale * draws[g * k + b];
    }
    sets.push_back(std::move(draws));
  }
  return sets;
}

ClusterLikelihoods likelihoods(const std::vector<std::vector<double>>& sets, std::size_t k) {
  return [&sets, k](double nu, std::span<double> out) {
    for (std::size_t c = 0; c < sets.size(); ++c) {
      out[c] = 0;
      for (std::size_t at = 0; at < sets[c].size(); at += k) {
        out[c] += configuration_log_likelihood(std::span(sets[c]).subspan(at, k), nu);
      }
    }
  };
}

TEST(StudentGroups, FewDrawsDoNotBiasTheTailIndex) {
  // 2000 groups of 4 or 8 draws: an estimator with a bias of the order 1/K would be tens of its errors off.
  for (const double nu : {0.7, 1.0, 2.5, 5.0}) {
    for (const std::size_t k : {4, 8}) {
      const auto sets = grouped(nu, 8, 250, k, 3);
      const auto found = estimate_tail(likelihoods(sets, k), 8, 0.9999);
      EXPECT_LE(found.tail.nu_low, nu) << "K " << k;
      EXPECT_GE(found.tail.nu_high, nu) << "K " << k;
      EXPECT_NEAR(std::log(found.tail.nu / nu), 0, 0.35) << "K " << k;
    }
  }
}

TEST(StudentGroups, IntervalsCoverAsOftenAsTheySay) {
  // The end point ν = ∞ is left out only by a statistic above the upper quantile: covered with 97.5 %.
  constexpr int samples = 200;
  for (const double nu : {2.5, 5.0, infinity}) {
    int covered = 0;
    for (int s = 0; s < samples; ++s) {
      const auto sets = grouped(nu, 8, 12, 8, 1000 + static_cast<std::uint64_t>(s));
      const auto found = estimate_tail(likelihoods(sets, 8), 8, 0.95);
      covered += found.tail.nu_low <= nu && nu <= found.tail.nu_high;
      EXPECT_LE(found.tail.nu_low, found.tail.nu);
      EXPECT_GE(found.tail.nu_high, found.tail.nu);
    }
    const double expected = std::isinf(nu) ? 0.975 : 0.95;
    EXPECT_NEAR(covered / double{samples}, expected, share_tolerance(expected, samples, 4)) << "nu " << nu;
  }
}

TEST(StudentGroups, IntervalAllowsForDependenceWithinAGradient) {
  // Every group of a cluster repeats the same standardised draws (the extreme case: one mini-batch decides all
  // coordinates). An interval that took groups for independent would be 20 times too narrow.
  constexpr int samples = 200;
  int covered = 0;
  for (int s = 0; s < samples; ++s) {
    auto sets = grouped(2.5, 8, 2, 8, 5000 + static_cast<std::uint64_t>(s));
    const auto found = estimate_tail(
        [&](double nu, std::span<double> out) {
          likelihoods(sets, 8)(nu, out);
          for (double& value : out) value *= 400;
        },
        8, 0.95);
    covered += found.tail.nu_low <= 2.5 && 2.5 <= found.tail.nu_high;
  }
  // Two groups a cluster: scores are far from normal, and Student's test with 7 degrees of freedom is approximate.
  EXPECT_GE(covered / double{samples}, 0.90 - share_tolerance(0.90, samples, 4));
}

TEST(StudentGroups, LighterThanGaussianIsSaidToBeSo) {
  std::vector<std::vector<double>> sets(8);
  Sequence random({.seed = 3, .purpose = Purpose::test, .agent = 1, .step = 1});
  for (auto& set : sets) {
    for (int i = 0; i < 8 * 200; ++i) set.push_back(random.uniform());
  }
  const auto found = estimate_tail(likelihoods(sets, 8), 8, 0.95);
  EXPECT_EQ(found.tail.nu, infinity);
  EXPECT_EQ(found.tail.nu_low, infinity);
  EXPECT_EQ(found.tail.nu_high, infinity);
}

TEST(StudentGroups, HeavierThanTheRangeEndsAtZero) {
  const auto sets = grouped(0.1, 8, 100, 8, 4);
  const auto found = estimate_tail(likelihoods(sets, 8), 8, 0.95);
  EXPECT_NEAR(found.tail.nu, heaviest_tail_index, 1e-9);
  EXPECT_EQ(found.tail.nu_low, 0);
}

TEST(StudentGroups, RefusesGroupsOfNoContinuousLaw) {
  EXPECT_THROW(configuration_log_likelihood(std::vector<double>{1, 2, 3}, 2), Error);
  EXPECT_THROW(configuration_log_likelihood(std::vector<double>{1, 2, 3, 1}, 2), Error);
  EXPECT_THROW(configuration_log_likelihood(std::vector<double>{1, 2, 3, infinity}, 2), Error);
  EXPECT_THROW(configuration_log_likelihood(std::vector<double>{1, 2, 3, 4}, 0), Error);
  EXPECT_THROW(configuration_log_likelihood(std::vector<double>(65, 1.0), 2), Error);
  EXPECT_FALSE(is_usable_group(std::vector<double>{1, 2, std::nan(""), 4}));
  EXPECT_THROW(cluster_quantile(1, 0.95), Error);
  EXPECT_THROW(cluster_quantile(4, 1), Error);
}

}  // namespace
}  // namespace tersegrad
