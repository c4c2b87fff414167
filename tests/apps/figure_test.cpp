// The arithmetic behind the figures' verdicts.
#include "apps/figure_networks.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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
