// Theorems 3.3 and 3.7 against the SDEs' exact losses on quadratics.
#include "tersegrad/theory/bounds/bounds.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/laws/stationary.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// E f(X_t) of the SDE from x0 = 1 in every coordinate.
double exact_loss(const QuadraticSettings& q, double omega, double t) {
  const auto law = dcsgd_law(q, omega);
  std::vector<double> second;
  for (std::size_t j = 0; j < q.curvature.size(); ++j) second.push_back(law.second(j, 1.0, t));
  return quadratic_loss(q.curvature, second);
}

struct Run {
  QuadraticSettings q;
  LossSettings s;
  double noise;  // L̄σ
  double gap;    // S_0
};

Run make_run(std::vector<double> curvature, double lr, std::int64_t agents) {
  Run run;
  run.q = {curvature, lr, agents, 4, NoiseScales(3, {{0.7}})};
  double sum = 0, low = infinity, high = 0;
  for (const double lambda : curvature) {
    sum += lambda;
    low = std::min(low, lambda);
    high = std::max(high, lambda);
  }
  run.s = {high, low, lr, 4, agents};
  run.noise = run.q.noise.mean_trace(run.q.dim());
  run.gap = 0.5 * sum;
  return run;
}

TEST(Relaxation, SolvesItsEquation) {
  for (const double rate : {2.0, 0.3, 1e-12, 0.0, -0.4}) {
    const Relaxation r{1.5, rate, 0.7};
    EXPECT_DOUBLE_EQ(r.at(0), 1.5);
    for (const double t : {0.1, 1.0, 4.0}) {
      const double h = 1e-4;  // S' + rate·S = source; the symmetric quotient is off by h²/6·S'''
      EXPECT_NEAR((r.at(t + h) - r.at(t - h)) / (2 * h) + rate * r.at(t), 0.7, 1e-7);
    }
  }
  EXPECT_DOUBLE_EQ((Relaxation{9, 2, 3}.limit()), 1.5);
  EXPECT_EQ((Relaxation{9, 0, 3}.limit()), infinity);
  EXPECT_NEAR((Relaxation{1, 1e-300, 2}.at(3)), 7, 1e-12);
}

TEST(LossBounds, AreExactOnIsotropicQuadratics) {  // then L = µ and every step of the proofs is an equality
  for (const double omega : {0.0, 1.0, 9.0}) {
    const auto run = make_run(std::vector<double>(10, 3.0), 0.02, 5);
    const auto bound = dcsgd_bound(run.s, AgentMeans::equal(run.noise, omega), run.gap);
    for (const double t : {0.0, 0.1, 1.0, 5.0})
      EXPECT_NEAR(bound.at(t) / exact_loss(run.q, omega, t), 1, 1e-12) << omega << " " << t;
  }
}

TEST(LossBounds, BoundAnisotropicQuadratics) {
  for (const double omega : {0.0, 1.0, 4.0}) {
    const auto run = make_run({4, 2, 1, 1, 0.5}, 0.01, 3);
    const auto bound = dcsgd_bound(run.s, AgentMeans::equal(run.noise, omega), run.gap);
    for (const double t : {0.1, 1.0, 5.0, 50.0}) EXPECT_GE(bound.at(t), exact_loss(run.q, omega, t));
  }
}

TEST(LossBounds, PrintedConstants) {  // (3) and (8), literally
  const LossSettings s{5, 2, 0.01, 8, 4};
  const AgentMeans agents = AgentMeans::of({1, 2, 3, 6}, {1, 1, 2, 4});
  EXPECT_DOUBLE_EQ(agents.noise, 3);
  EXPECT_DOUBLE_EQ(agents.omega, 2);
  EXPECT_DOUBLE_EQ(agents.omega_noise, 33.0 / 4);
  EXPECT_DOUBLE_EQ(dsgd_bound(s, 3, 7).limit(), 0.01 * 5 * 3 / (4 * 2.0 * 8 * 4));
  EXPECT_DOUBLE_EQ(dsgd_bound(s, 3, 7).rate, 2 * 2);
  const double delta = 1 - 0.01 * 25 * 2 / (2 * 2.0 * 4);
  EXPECT_DOUBLE_EQ(dcsgd_contraction(s, 2), delta);
  EXPECT_DOUBLE_EQ(dcsgd_bound(s, agents, 7).limit(), 0.01 * 5 * (3 + 33.0 / 4) / (4 * 2.0 * 8 * 4 * delta));
  EXPECT_DOUBLE_EQ(dcsgd_bound(s, agents, 7).rate, 2 * 2 * delta);
}

TEST(LossBounds, TheLimitOfTheLearningRateIsSharp) {  // η < 2µN/(L²ω): exactly where the isotropic SDE diverges
  for (const double omega : {1.0, 3.0, 127.0}) {
    auto run = make_run(std::vector<double>(128, 2.0), 1, 7);
    const double limit = dcsgd_lr_limit(run.s, omega);
    EXPECT_DOUBLE_EQ(limit, dcsgd_sde_lr_limit(2.0, 7, omega));
    for (const double part : {1 - 1e-6, 1 + 1e-6}) {
      run.s.lr = run.q.lr = limit * part;
      const bool bounded = part < 1;
      EXPECT_EQ(dcsgd_contraction(run.s, omega) > 0, bounded);
      EXPECT_EQ(std::isfinite(dcsgd_bound(run.s, AgentMeans::equal(run.noise, omega), run.gap).limit()), bounded);
      EXPECT_EQ(dcsgd_law(run.q, omega).rate[0] > 0, bounded);
      EXPECT_EQ(std::isfinite(dcsgd_law(run.q, omega).stationary(0)), bounded);
      // Past it the loss keeps growing; the growing bound still holds (with equality here).
      EXPECT_NEAR(dcsgd_bound(run.s, AgentMeans::equal(run.noise, omega), run.gap).at(3) / exact_loss(run.q, omega, 3),
                  1, 1e-9);
    }
  }
  EXPECT_EQ(dcsgd_lr_limit(make_run({1, 2}, 0.1, 1).s, 0), infinity);
}

TEST(LossBounds, RefuseImpossibleConstants) {
  const LossSettings good{5, 2, 0.01, 8, 4};
  const auto broken = [&](auto change) {
    LossSettings s = good;
    change(s);
    return s;
  };
  EXPECT_NO_THROW(dsgd_bound(good, 1, 1));
  EXPECT_THROW(dsgd_bound(broken([](auto& s) { s.pl = 0; }), 1, 1), Error);
  EXPECT_THROW(dsgd_bound(broken([](auto& s) { s.pl = 6; }), 1, 1), Error);  // µ > L
  EXPECT_THROW(dsgd_bound(broken([](auto& s) { s.smoothness = -1; }), 1, 1), Error);
  EXPECT_THROW(dsgd_bound(broken([](auto& s) { s.lr = 0; }), 1, 1), Error);
  EXPECT_THROW(dsgd_bound(broken([](auto& s) { s.agents = 0; }), 1, 1), Error);
  EXPECT_THROW(dsgd_bound(good, 1, -1), Error);
  EXPECT_THROW(dcsgd_bound(good, AgentMeans::equal(1, -1), 1), Error);
  EXPECT_THROW(AgentMeans::of({1, 2}, {1}), Error);
}

}  // namespace
}  // namespace tersegrad
