// The arithmetic behind the figures' verdicts.
#include "apps/reproduce/allowance.hpp"
#include "apps/reproduce/figures/gap.hpp"
#include "apps/reproduce/figures/networks.hpp"
#include "apps/reproduce/figures/scaling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/theory/laws/sign_lattice.hpp"

namespace tersegrad {
namespace {

double gaussian(Sequence& random) {
  const double u = random.uniform(), v = random.uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
}

Claim claim(double measured, double error, double predicted, double allowance, double resolution,
            const char* relation = "=") {
  return {.measured = measured,
          .error = error,
          .predicted = predicted,
          .relation = relation,
          .allowance = allowance,
          .resolution = resolution};
}

TEST(Claim, AnEqualityFailsBeyondItsAllowanceAndHoldsOnlyIfItWasResolved) {
  EXPECT_EQ(claim(1.05, 0, 1, 0.1, 0).verdict(), Verdict::holds);
  EXPECT_EQ(claim(1.15, 0, 1, 0.1, 0).verdict(), Verdict::fails);
  EXPECT_EQ(claim(1.05, 0.01, 1, 0, 0.05).verdict(), Verdict::fails);  // five standard errors
  EXPECT_EQ(claim(1.02, 0.01, 1, 0, 0.05).verdict(), Verdict::holds);
  EXPECT_EQ(claim(1.02, 0.02, 1, 0, 0.05).verdict(), Verdict::inconclusive);
  EXPECT_EQ(claim(1.00, 10, 1, 0, 0.05).verdict(), Verdict::inconclusive);
  // Slopes of the figures: the rival is −1/2, so a quarter matters.
  EXPECT_EQ(claim(-0.70, 0.13, -1, 0, 0.25).verdict(), Verdict::inconclusive);
  EXPECT_EQ(claim(-0.81, 0.03, -1, 0, 0.25).verdict(), Verdict::fails);
  EXPECT_EQ(claim(-0.97, 0.03, -1, 0, 0.25).verdict(), Verdict::holds);
}

TEST(Claim, AnInequalityHoldsOrFailsOnlyWithItsWholeInterval) {
  EXPECT_EQ(claim(-5, 1, 0, 0, 0, "<=").verdict(), Verdict::holds);
  EXPECT_EQ(claim(-2, 1, 0, 0, 0, "<=").verdict(), Verdict::inconclusive);
  EXPECT_EQ(claim(2, 1, 0, 0, 0, "<=").verdict(), Verdict::inconclusive);
  EXPECT_EQ(claim(5, 1, 0, 0, 0, "<=").verdict(), Verdict::fails);
  EXPECT_EQ(claim(5, 1, 0, 3, 0, "<=").verdict(), Verdict::inconclusive);
  EXPECT_EQ(claim(0.01, 0.01, 0, 0, 0.05, "<=").verdict(), Verdict::holds);  // a tight bound with a margin
  EXPECT_EQ(claim(0.06, 0.01, 0, 0, 0.05, "<=").verdict(), Verdict::fails);
  for (const double error : {0.0, 0.5, 3.0}) {
    for (double x = -12; x <= 12; x += 0.7) {
      EXPECT_EQ(claim(x, error, 0, 0.2, 0.1, "<=").verdict(), claim(-x, error, 0, 0.2, 0.1, ">=").verdict()) << x;
    }
  }
}

TEST(Claim, MoreNoiseNeverMakesAClaimHoldAndNeverMakesItFail) {
  for (const char* relation : {"=", "<=", ">="}) {
    for (double measured = -2; measured <= 2; measured += 0.3) {
      Verdict before = claim(measured, 0, 0, 0.1, 0.3, relation).verdict();
      for (const double error : {0.01, 0.03, 0.1, 0.3, 1.0, 10.0}) {
        const Verdict now = claim(measured, error, 0, 0.1, 0.3, relation).verdict();
        if (now == Verdict::fails) {
          EXPECT_EQ(before, Verdict::fails) << measured;
        }
        // An equality that is just off may pass from failing to holding, but only while it is resolved.
        if (now == Verdict::holds && 3 * error > 0.3) {
          EXPECT_NE(relation, std::string("=")) << measured;
        }
        before = now;
      }
    }
  }
}

TEST(Claim, WithAPremiseThatIsNotMetIsInconclusiveBothWays) {
  for (const double measured : {1.0, 5.0, std::nan("")}) {
    Claim one = claim(measured, 0, 1, 0.1, 0);
    one.unmet = "not stationary";
    EXPECT_EQ(one.verdict(), Verdict::inconclusive);
    one.opposite = 0;
    EXPECT_EQ(one.verdict(), Verdict::inconclusive);
  }
}

TEST(Claim, WhatIsNotFinite) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  EXPECT_EQ(claim(inf, 0, 2, 0, 0, ">=").verdict(), Verdict::holds);  // it diverged, as claimed
  EXPECT_EQ(claim(inf, 0, 2, 0, 0, "<=").verdict(), Verdict::fails);
  EXPECT_EQ(claim(inf, 0, 2, 0, 1).verdict(), Verdict::fails);
  EXPECT_EQ(claim(nan, 0, 2, 0, 0, ">=").verdict(), Verdict::inconclusive);  // not measured
  EXPECT_EQ(claim(nan, 0, 2, 10, 10).verdict(), Verdict::inconclusive);
  for (const char* relation : {"=", "<=", ">="}) {
    EXPECT_EQ(claim(2, inf, 2, 1, 1, relation).verdict(), Verdict::inconclusive);
  }
}

TEST(ChanceQuantile, IsThreeForOneGaussianLookAndGrowsWithLooksAndFewValues) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_NEAR(chance_quantile(), 3, 1e-9);
  EXPECT_NEAR(std::erfc(chance_quantile(200) / std::sqrt(2.0)) * 200, std::erfc(3 / std::sqrt(2.0)), 1e-9);
  EXPECT_NEAR(chance_quantile(1, 2), 19.206, 1e-2);  // two-sided 0.27 % of t_2
  EXPECT_LT(chance_quantile(1, 2), chance_quantile(6, 2));
  EXPECT_LT(chance_quantile(1, inf), chance_quantile(1, 10));
}

TEST(OverLooks, OneFailingOrUndecidedLookDecides) {
  const Claim all{.text = "all"};
  const Comparison good{0.1, 0.1, 0, 1}, coarse{0.1, 2, 0, 1}, wrong{3, 0.1, 0, 1};
  EXPECT_EQ(over_comparisons(all, {good, good}).verdict(), Verdict::holds);
  EXPECT_EQ(over_comparisons(all, {good, coarse, good}).verdict(), Verdict::inconclusive);
  EXPECT_DOUBLE_EQ(over_comparisons(all, {good, coarse, good}).error, 2);
  EXPECT_EQ(over_comparisons(all, {coarse, wrong, good}).verdict(), Verdict::fails);
  EXPECT_DOUBLE_EQ(over_comparisons(all, {coarse, wrong, good}).measured, 3);
  // Of two comparisons that hold that is shown which is nearest to failing.
  EXPECT_DOUBLE_EQ(over_comparisons(all, {good, {0.2, 0.1, 0, 1}}).measured, 0.2);
  EXPECT_DOUBLE_EQ(over_comparisons(all, std::vector<Comparison>(200, good)).z, chance_quantile(200));
  EXPECT_THROW(over_comparisons(all, {}), Error);
}

TEST(OverLooks, OfPureChanceFailsAsSeldomAsOneLook) {
  Sequence random(StreamId{.seed = 3});
  int failed = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<Comparison> comparisons;
    for (int i = 0; i < 100; ++i) {
      comparisons.push_back({gaussian(random), 1, 0, 100});
    }
    failed += over_comparisons({}, comparisons).verdict() == Verdict::fails;
  }
  EXPECT_LE(failed, 2000 * 0.0027 + 4 * std::sqrt(2000 * 0.0027));  // 5.4 expected
}

TEST(RisingClaim, HoldsFailsOrDoesNotKnow) {
  const std::vector<std::string> names = {"a", "b", "c"};
  EXPECT_EQ(rising_claim({}, {{1, 0.01}, {2, 0.01}, {3, 0.01}}, names).verdict(), Verdict::holds);
  EXPECT_EQ(rising_claim({}, {{1, 0.01}, {2, 0.01}, {1.5, 0.01}}, names).verdict(), Verdict::fails);
  EXPECT_EQ(rising_claim({}, {{1, 0.01}, {2, 0.5}, {2.2, 0.5}}, names).verdict(), Verdict::inconclusive);
  EXPECT_EQ(rising_claim({}, {{1, 0.01, 2}, {1.1, 0.01, 2}, {3, 0.01, 2}}, names).verdict(), Verdict::inconclusive);
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(rising_claim({}, {{1, 0.01}, {inf, 0}, {inf, 0}}, names).verdict(), Verdict::holds);
  EXPECT_EQ(rising_claim({}, {{inf, 0}, {1, 0.01}, {2, 0.01}}, names).verdict(), Verdict::fails);
}

// A gap of the right order passes, a wrong SDE does not, whatever it is wrong by.
class GapClaim : public ::testing::Test {
 protected:
  static constexpr double noise = 0.01;
  MeanSeries series(int factor, double gap, std::uint64_t seed) const {
    Sequence random(StreamId{.seed = seed});
    MeanSeries mean;
    for (int i = 0; i <= 200; ++i) {
      const double t = i / 40.0, chance = noise * gaussian(random);
      mean.iteration.push_back(factor * 50 * i);
      mean.value.push_back(std::exp(-t) * (1 + gap * t) + chance);
      mean.error.push_back(noise);
    }
    return mean;
  }
  Verdict judge(const std::function<void(MeanSeries&)>& spoil, double gap = 0.2) const {
    auto sde = series(1, gap, 2), half_sde = series(2, gap / 2, 4);
    spoil(sde);
    spoil(half_sde);
    return gap_claim({}, series(1, 0, 1), sde, series(2, 0, 3), half_sde).verdict();
  }
};

TEST_F(GapClaim, PassesGapsOfOrderEtaAlone) {
  EXPECT_EQ(judge([](MeanSeries&) {}), Verdict::holds);
  EXPECT_EQ(judge([](MeanSeries&) {}, 0), Verdict::holds);
}

TEST_F(GapClaim, CatchesAWrongSde) {
  const auto each = [](const std::function<double(double)>& f) {
    return [f](MeanSeries& mean) {
      for (double& value : mean.value) value = f(value);
    };
  };
  EXPECT_EQ(judge(each([](double) { return 0; })), Verdict::fails);
  EXPECT_EQ(judge(each([](double x) { return 1.5 * x; })), Verdict::fails);
  EXPECT_EQ(judge(each([](double x) { return x + 10; })), Verdict::fails);
  EXPECT_EQ(judge(each([](double x) { return -x; })), Verdict::fails);
}

TEST_F(GapClaim, DoesNotHoldWhereItCannotTell) {
  EXPECT_EQ(judge([](MeanSeries& mean) {
              for (double& error : mean.error) error *= 30;
            }),
            Verdict::inconclusive);
}

TEST_F(GapClaim, WithoutVarianceAllowsRoundingOnly) {
  MeanSeries x, other;
  for (int i = 0; i <= 100; ++i) {
    x.iteration.push_back(i);
    x.value.push_back(1 - 0.001 * i);
    x.error.push_back(0);
  }
  MeanSeries half = x;
  for (double& k : half.iteration) k *= 2;
  other = x;
  for (double& value : other.value) value *= 1 + 1e-7;
  EXPECT_EQ(gap_claim({}, x, other, half, half).verdict(), Verdict::holds);
  for (std::size_t i = 0; i < x.value.size(); ++i) other.value[i] = 1 - 0.0015 * static_cast<double>(i);
  EXPECT_EQ(gap_claim({}, x, other, half, half).verdict(), Verdict::fails);
}

TEST_F(GapClaim, LeavesOutRecordsAtWhichARepetitionLeaves) {
  auto sde = series(1, 0, 2);
  sde.value[100] = 1e4;
  sde.leaving.assign(sde.value.size(), false);
  EXPECT_EQ(gap_claim({}, series(1, 0, 1), sde, series(2, 0, 3), series(2, 0, 4)).verdict(), Verdict::fails);
  sde.leaving[100] = true;
  EXPECT_EQ(gap_claim({}, series(1, 0, 1), sde, series(2, 0, 3), series(2, 0, 4)).verdict(), Verdict::holds);
}

QuadraticSettings quadratic(double lambda, double lr, double sigma) {
  return {.curvature = {lambda},
          .lr = lr,
          .agents = 3,
          .batch = 1,
          .noise = NoiseScales(std::numeric_limits<double>::infinity(), sigma)};
}

TEST(Allowance, IsWhatDiscreteStepsAddToDcsgdAndOfOrderEta) {
  double before = 0;
  for (const double lr : {0.08, 0.04, 0.02, 0.01}) {
    const auto settings = quadratic(1.5, lr, 0.1);
    const auto law = dcsgd_law(settings, 4);
    const auto exact = dcsgd_recursion(settings, 4);
    for (const std::int64_t k : {1, 10, 100, 1000}) {
      const double off = std::abs(exact.second(0, 0.3, k) / law.second(0, 0.3, lr * static_cast<double>(k)) - 1);
      EXPECT_NEAR(step_allowance(law, 0, 0.3, lr, k), off, 1e-9) << lr << " " << k;
    }
    const double now = step_allowance(law, 0, lr);
    if (before > 0) {
      EXPECT_NEAR(before / now, 2, 0.3) << lr;
    }
    EXPECT_NEAR(now, lr * 1.5 / 2, 0.3 * now);
    before = now;
  }
}

TEST(Allowance, OfABoundIsThatOfItsLaw) {
  const auto law = dcsgd_law(quadratic(1, 0.01, 0.1), 9);
  const Relaxation bound{0.5 * 0.3 * 0.3, law.rate[0], 0.5 * law.source[0]};
  for (const std::int64_t k : {1, 50, 500}) {
    EXPECT_NEAR(step_allowance(bound, 1, 0.01, k), step_allowance(law, 0, 0.3, 0.01, k), 1e-12);
  }
}

TEST(Allowance, CoversDSignSgdsExactMomentsAndNoLawThatIsOffByATenth) {
  for (const double lambda : {1.0, 2.0}) {
    const auto settings = quadratic(lambda, 0.001, 0.1);
    const auto law = sign_law(settings);
    const double start = 0.02, ratio = lambda / 0.1;
    const double curvature =
        curvature_allowance(std::numeric_limits<double>::infinity(), ratio * start, ratio * ratio * law.stationary(0));
    SignLattice exact(settings, 0, start);
    for (const std::int64_t k : {10, 100, 1000, 4000}) {
      exact.advance(k - exact.steps());
      const double allowance = curvature + step_allowance(law, 0, start, 0.001, k);
      const double predicted = law.second(0, start, 0.001 * static_cast<double>(k));
      EXPECT_LE(std::abs(exact.second() / predicted - 1), allowance) << lambda << " " << k;
      EXPECT_GT(std::abs(exact.second() / (1.1 * predicted) - 1), allowance) << lambda << " " << k;
    }
  }
}

TEST(GrowthClaim, TakesTheRepetitionThatSpeaksAgainstIt) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(growth_claim({}, {-1.0, -1.01, -0.99}, true).verdict(), Verdict::holds);
  EXPECT_EQ(growth_claim({}, {-1.0, -1.01, inf}, true).verdict(), Verdict::fails);
  EXPECT_EQ(growth_claim({}, {inf, inf, inf}, false).verdict(), Verdict::holds);
  EXPECT_EQ(growth_claim({}, {1.0, 1.01, 0.99}, false).verdict(), Verdict::holds);
  EXPECT_DOUBLE_EQ(growth_claim({}, {1.0, inf, 0.2}, false).measured, 0.2);  // not the largest
  EXPECT_NE(growth_claim({}, {-0.1, inf, inf}, false).verdict(), Verdict::holds);
  EXPECT_EQ(growth_claim({}, {-1.0, -1.01, -0.99}, false).verdict(), Verdict::fails);
}

TEST(RankClaim, FailsOnlyIfTheReverseIsSignificant) {
  const std::vector<double> low = {1, 2, 3, 4, 5}, high = {6, 7, 8, 9, 10}, mixed = {1.5, 2.5, 3.5, 4.5, 5.5};
  EXPECT_EQ(rank_claim(low, {{"b", high}}).verdict(), Verdict::holds);
  EXPECT_EQ(rank_claim(low, {{"b", mixed}}).verdict(), Verdict::inconclusive);  // p > 0.05 is no evidence against
  EXPECT_EQ(rank_claim(high, {{"b", low}}).verdict(), Verdict::fails);
  EXPECT_EQ(rank_claim(low, {{"b", high}, {"c", mixed}}).verdict(), Verdict::inconclusive);
  EXPECT_EQ(rank_claim(high, {{"b", {11, 12, 13, 14, 15}}, {"c", low}}).verdict(), Verdict::fails);
  // One of five that may lie below by chance: 1/252 · 20 > 0.05.
  std::vector<std::pair<std::string, std::vector<double>>> many(19, {"b", {11, 12, 13, 14, 15}});
  many.push_back({"c", low});
  EXPECT_EQ(rank_claim(high, many).verdict(), Verdict::inconclusive);
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
