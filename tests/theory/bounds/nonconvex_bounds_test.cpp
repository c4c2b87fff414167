// Theorems 3.4 and 3.8 along the exact second moments of scheduled SDEs.
#include "tersegrad/theory/bounds/nonconvex_bounds.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double rate(double exponent, double tau, double t) { return std::pow(1 + t / tau, -exponent); }

TEST(PowerSchedule, IntegratesItself) {
  for (const double exponent : {0.0, 0.3, 0.5, 0.75, 1.0, 2.0}) {
    for (const double tau : {0.5, 10.0}) {
      const double t = 20;
      const int n = 200000;
      double first = 0, second = 0;
      for (int i = 0; i < n; ++i) {  // midpoints
        const double value = rate(exponent, tau, t * (i + 0.5) / n);
        first += value * t / n;
        second += value * value * t / n;
      }
      const auto phi = power_schedule(exponent, tau, t);
      EXPECT_NEAR(phi.first / first, 1, 1e-7);  // the midpoint rule's h²/24·f'' with h = 1e-4, |f''| ≤ 80
      EXPECT_NEAR(phi.second / second, 1, 1e-7);
    }
  }
  EXPECT_DOUBLE_EQ(power_schedule(0, 1, 7).first, 7);
  EXPECT_THROW(power_schedule(-1, 1, 1), Error);
  EXPECT_THROW(power_schedule(1, 0, 1), Error);
}

TEST(GradientBounds, AreExactUpToTheFinalLoss) {
  // f = ½λ‖x‖², L = λ: the SDE with schedule has m' = −2η_tλm + η_t²(η/N)(ωλ²m + (1 + ω)V), m = E x² per coordinate,
  // and the proof drops nothing but S_t ≥ 0: average·(φ¹ − pull φ²) = S_0 − S_t + source φ².
  const double lambda = 2, lr = 0.1, v = 0.3, batch = 4, exponent = 0.5, tau = 2, horizon = 30;
  const std::int64_t agents = 3, dim = 5;
  for (const double omega : {0.0, 2.0}) {
    const LossSettings s{lambda, lambda, lr, batch, agents};
    const auto means = AgentMeans::equal(v * batch * dim, omega);  // L̄σ at batch size 1
    const double pull = lr * lambda * omega / (2 * agents);
    double m = 1, sum = 0;
    const int n = 300000;
    const double h = horizon / n;
    const auto slope = [&](double value, double t) {
      const double eta = rate(exponent, tau, t);
      return -2 * eta * lambda * value + eta * eta * lr / agents * (omega * lambda * lambda * value + (1 + omega) * v);
    };
    for (int i = 0; i < n; ++i) {  // midpoint rule for the moment and the integral: both O(h²)
      const double t = i * h, middle = m + 0.5 * h * slope(m, t), eta = rate(exponent, tau, t + 0.5 * h);
      sum += h * (eta - pull * eta * eta) * dim * lambda * lambda * middle;
      m += h * slope(middle, t + 0.5 * h);
    }
    const auto phi = power_schedule(exponent, tau, horizon);
    const double weight = phi.first - pull * phi.second;
    const double average = sum / weight, gap = 0.5 * lambda * dim, last = 0.5 * lambda * dim * m;
    const double bound = dcsgd_gradient_bound(s, means, gap, phi);
    EXPECT_LE(average, bound);
    EXPECT_NEAR(average + last / weight, bound, 1e-5 * bound);
    if (omega == 0) {
      EXPECT_EQ(bound, dsgd_gradient_bound(s, means.noise, gap, phi));
      EXPECT_NEAR(bound, gap / phi.first + lr * lambda * means.noise / (2 * batch * agents) * phi.second / phi.first,
                  1e-12);  // (4)
    }
    // ⚠ (53) and (58) print f(X_*) − f(X_0), that is −S_0: below the truth.
    const double printed =
        (-gap + phi.second * lr * lambda * (means.noise + means.omega_noise) / (2 * batch * agents)) / weight;
    EXPECT_LT(printed, average);
  }
}

TEST(GradientBounds, NeedASmallEnoughRate) {  // η_t < 2N/(ηLω̄)
  LossSettings s{5, 1, 0.1, 1, 2};
  const double omega = 2 * 2 / (0.1 * 5);
  EXPECT_EQ(dcsgd_gradient_bound(s, AgentMeans::equal(1, omega * 1.001), 1, {1, 1}), infinity);
  EXPECT_LT(dcsgd_gradient_bound(s, AgentMeans::equal(1, omega * 0.999), 1, {1, 1}), infinity);
  EXPECT_EQ(dcsgd_gradient_bound(s, AgentMeans::equal(1, omega * 0.999), 1, {1, 1}, 1.01), infinity);
  EXPECT_THROW(dcsgd_gradient_bound(s, AgentMeans::equal(1, 1), -1, {1, 1}), Error);
  EXPECT_THROW(dcsgd_gradient_bound(s, AgentMeans::equal(1, 1), 1, {0, 0}), Error);
}

TEST(GradientBounds, VanishUnderADecayingSchedule) {
  const LossSettings s{5, 1, 0.1, 1, 2};
  double before = infinity;
  for (double t = 10; t < 1e9; t *= 10) {
    const double bound = dcsgd_gradient_bound(s, AgentMeans::equal(1, 3), 1, power_schedule(0.5, 1, t));
    EXPECT_LT(bound, before);
    before = bound;
  }
  EXPECT_LT(before, 1e-3);
  // A constant rate leaves ηL(L̄σ + ωLσ)/(2BN(1 − pull)).
  EXPECT_NEAR(dcsgd_gradient_bound(s, AgentMeans::equal(1, 3), 1, power_schedule(0, 1, 1e12)),
              0.1 * 5 * 4 / 4 / (1 - 0.1 * 5 * 3 / 4), 1e-9);
}

}  // namespace
}  // namespace tersegrad
