// The arithmetic behind the figures' verdicts.
#include "apps/figure_networks.hpp"
#include "apps/figure_runs.hpp"
#include "apps/figure_scaling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace tersegrad {
namespace {

Claim claim(double measured, double error, double predicted, double tolerance, const char* relation) {
  return {"", "", measured, error, predicted, tolerance, relation, ""};
}

TEST(Claim, HoldsWithinItsToleranceIsUnsureWithinThreeErrorsAndFailsBeyond) {
  EXPECT_EQ(claim(1.05, 0, 1, 0.1, "=").verdict(), Verdict::holds);
  EXPECT_EQ(claim(0.85, 0.1, 1, 0.1, "=").verdict(), Verdict::inconclusive);
  EXPECT_EQ(claim(0.5, 0.1, 1, 0.1, "=").verdict(), Verdict::fails);
  EXPECT_EQ(claim(-5, 0, 1, 0, "<=").verdict(), Verdict::holds);
  EXPECT_EQ(claim(1.2, 0.1, 1, 0, "<=").verdict(), Verdict::inconclusive);
  EXPECT_EQ(claim(1.4, 0.1, 1, 0, "<=").verdict(), Verdict::fails);
  EXPECT_EQ(claim(3, 0, 2, 0, ">=").verdict(), Verdict::holds);
  EXPECT_EQ(claim(1, 0, 2, 0, ">=").verdict(), Verdict::fails);
}

TEST(Claim, WithAPremiseThatIsNotMetDoesNotFailButMayHold) {
  Claim one = claim(5, 0, 1, 0.1, "=");
  EXPECT_EQ(one.verdict(), Verdict::fails);
  one.unmet = "not stationary";
  EXPECT_EQ(one.verdict(), Verdict::inconclusive);
  one.measured = std::nan("");
  EXPECT_EQ(one.verdict(), Verdict::inconclusive);
  one.measured = 1;
  EXPECT_EQ(one.verdict(), Verdict::holds);
}

TEST(Claim, WhatIsNotFinite) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  EXPECT_EQ(claim(inf, 0, 2, 0, ">=").verdict(), Verdict::holds);  // it diverged, as claimed
  EXPECT_EQ(claim(inf, 0, 2, 0, "<=").verdict(), Verdict::fails);
  EXPECT_EQ(claim(nan, 0, 2, 0, ">=").verdict(), Verdict::fails);
  EXPECT_EQ(claim(nan, 0, 2, 10, "=").verdict(), Verdict::fails);
}

TEST(MannWhitney, IsExact) {
  // All of 3 below all of 3: one of C(6, 3) = 20 orders; the reverse: all of them.
  EXPECT_DOUBLE_EQ(mann_whitney({1, 2, 3}, {4, 5, 6}), 1.0 / 20);
  EXPECT_DOUBLE_EQ(mann_whitney({4, 5, 6}, {1, 2, 3}), 1.0);
  EXPECT_DOUBLE_EQ(mann_whitney({1, 2, 5}, {4, 3, 6}), 4.0 / 20);  // U = 2: 1 + 1 + 2 orders with U ≤ 2
  EXPECT_DOUBLE_EQ(mann_whitney({1}, {1}), 1.0);                   // a tie is no evidence
  EXPECT_DOUBLE_EQ(mann_whitney({1, 1, 1, 1, 1}, {2, 2, 2, 2, 2}), 1.0 / 252);
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  EXPECT_DOUBLE_EQ(mann_whitney({1}, {inf}), 0.5);
  EXPECT_DOUBLE_EQ(mann_whitney({inf}, {inf}), 1.0);  // both diverged
  EXPECT_DOUBLE_EQ(mann_whitney({nan}, {1}), 1.0);    // what is not known is no evidence
  EXPECT_DOUBLE_EQ(mann_whitney({1}, {nan}), 1.0);
}

TEST(Estimate, IsTheMeanAndItsStandardError) {
  const Estimate some = estimate({1, 2, 3, 6});
  EXPECT_DOUBLE_EQ(some.mean, 3);
  EXPECT_DOUBLE_EQ(some.error, std::sqrt(14.0 / 3 / 4));
  EXPECT_DOUBLE_EQ(estimate({7}).error, 0);
}

TEST(Repeat, GivesEveryRunASeedOfItsOwnAndOneStart) {
  const Setting a{"a", "", "", {}}, b{"b", "", "", {}};
  std::set<std::uint64_t> seeds;
  std::set<std::string> names;
  for (const auto& run : repeat({a, b}, 3)) {
    seeds.insert(run.config.seed);
    names.insert(run.name);
    EXPECT_EQ(run.config.init_seed, TrainConfig().init_seed);
  }
  EXPECT_EQ(seeds.size(), 6u);
  EXPECT_EQ(names, (std::set<std::string>{"a-0", "a-1", "a-2", "b-0", "b-1", "b-2"}));
}

TEST(Deal, GivesEveryRunToOneGroupAndBalancesEachModel) {
  for (const std::size_t groups : {1, 2, 3, 7}) {
    std::vector<FigureRun> runs;
    for (const char* model : {"vit", "resnet"}) {
      for (int i = 0; i < 24; ++i) {
        runs.push_back({"", {}});
        runs.back().config.model = model;
        runs.back().config.steps = 100;
        runs.back().config.agents = 1 + i % 9;
      }
    }
    const auto dealt = deal(runs, groups);
    ASSERT_EQ(dealt.size(), groups);
    std::vector<std::size_t> all;
    std::vector<double> vit;
    for (const auto& hand : dealt) {
      vit.push_back(0);
      for (const std::size_t i : hand) {
        all.push_back(i);
        if (i < 24) vit.back() += 4 + static_cast<double>(runs[i].config.agents);
      }
      EXPECT_TRUE(std::is_sorted(hand.begin(), hand.end()));
    }
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), runs.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i);
    // Greedy from the largest on: no two groups further apart than one run.
    EXPECT_LE(*std::max_element(vit.begin(), vit.end()) - *std::min_element(vit.begin(), vit.end()), 13);
  }
}

TEST(LogSlope, FindsThePowerAndItsError) {
  std::vector<double> x, y, error;
  for (const double n : {1, 2, 4, 8, 16}) {
    x.push_back(n);
    y.push_back(3 / (n * n));
    error.push_back(0.1);
  }
  const Slope slope = log_slope(x, y, error);
  EXPECT_NEAR(slope.value, -2, 1e-12);
  EXPECT_NEAR(slope.error, 0.1 / (std::log(2.0) * std::sqrt(10.0)), 1e-12);  // Σ (i − 2)² = 10
}

}  // namespace
}  // namespace tersegrad
