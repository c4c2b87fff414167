// Euler–Maruyama: its normals, and its paths' moments against exact ones.
#include "tersegrad/theory/sde/euler_maruyama.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/theory/laws/stationary.hpp"
#include "theory/sde/simulation.hpp"
#include "theory/statistics.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> normals(std::size_t count, std::uint64_t seed) {
  std::vector<double> z(count);
  fill_normals(Stream({seed, Purpose::sde, 0, 0}), 0, z);
  return z;
}

TEST(FillNormals, IsAFunctionOfTheIndex) {
  const auto all = normals(101, 3);
  for (const std::uint64_t first : {0u, 2u, 6u, 50u}) {
    for (const std::size_t count : {0u, 1u, 2u, 7u, 40u}) {
      std::vector<double> part(count);
      fill_normals(Stream({3, Purpose::sde, 0, 0}), first, part);
      for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(part[i], all[first + i]);
    }
  }
  std::vector<double> part(2);
  EXPECT_THROW(fill_normals(Stream({3, Purpose::sde, 0, 0}), 1, part), Error);
}

TEST(FillNormals, IsStandardNormal) {
  const std::size_t n = 1'000'000;
  auto z = normals(n, 12);
  const double count = static_cast<double>(n), value = z_value(6);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, neighbours = 0;
  for (std::size_t i = 0; i < n; ++i) {
    m1 += z[i] / count;
    m2 += z[i] * z[i] / count;
    m3 += std::pow(z[i], 3) / count;
    m4 += std::pow(z[i], 4) / count;
    if (i % 2 == 1) neighbours += z[i] * z[i - 1] / (count / 2);  // cosine and sine of one angle
  }
  // Standard errors of the moments of N(0, 1): √(E z^2k − (E z^k)²)/√n with E z² … E z⁸ = 1, 3, 15, 105.
  EXPECT_LE(std::abs(m1), value / std::sqrt(count));
  EXPECT_LE(std::abs(m2 - 1), value * std::sqrt(2 / count));
  EXPECT_LE(std::abs(m3), value * std::sqrt(15 / count));
  EXPECT_LE(std::abs(m4 - 3), value * std::sqrt(96 / count));
  EXPECT_LE(std::abs(neighbours), value * std::sqrt(2 / count));
  std::sort(z.begin(), z.end());
  double distance = 0;  // Kolmogorov–Smirnov: P(√n D > 2.7) = 2e^(−2·2.7²) = 9e-7
  for (std::size_t i = 0; i < n; ++i) {
    const double cdf = 0.5 * std::erfc(-z[i] / std::sqrt(2.0));
    distance = std::max(
        {distance, std::abs(cdf - static_cast<double>(i) / count), std::abs(cdf - static_cast<double>(i + 1) / count)});
  }
  EXPECT_LE(distance * std::sqrt(count), 2.7);
}

ProcessSettings quadratic(const std::vector<double>& curvature, std::int64_t replicas, double lr, std::int64_t agents,
                          NoiseScales noise) {
  ProcessSettings s;
  s.layout = {static_cast<std::int64_t>(curvature.size()), replicas};
  s.gradient = quadratic_gradient(curvature);
  s.lr = lr;
  s.agents = agents;
  s.noise = std::move(noise);
  return s;
}

struct Case {
  const char* name;
  std::unique_ptr<Process> process;
  MomentLaw law;
};

/// The linear SDEs whose moments are known exactly, started at 1.5 in every coordinate.
std::vector<Case> linear_cases(std::int64_t replicas) {
  const std::vector<double> curvature = {2, 1, 0.3};
  const double lr = 0.05, omega = 2;  // Rand-1 of 3
  const NoiseScales noise(5, {{1.0, 0.5, 2.0}});
  const auto settings = quadratic(curvature, replicas, lr, 4, noise);
  const QuadraticSettings q{curvature, lr, 4, 1, noise};
  std::vector<Case> cases;
  cases.push_back({"dsgd", make_dsgd(settings), dcsgd_law(q, 0)});
  cases.push_back({"rand-1", make_dcsgd(settings, omega), dcsgd_law(q, omega)});
  cases.push_back({"rand-1 as printed", make_dcsgd(settings, omega, Correlation::printed), dcsgd_law(q, omega)});
  const NoiseScales large(5, {{12.0, 8.0, 9.0}});  // |Y| ≪ 1 throughout: the diffusion's root is real
  cases.push_back({"phase 3", make_sign_phase3(quadratic(curvature, replicas, lr, 4, large)),
                   sign_law({curvature, lr, 4, 1, large})});
  return cases;
}

TEST(EulerMaruyama, MomentsOfItsOwnRecursion) {
  // At a large step: no discretisation error is hidden in the tolerance, which is z·SE alone.
  const std::int64_t replicas = 40000;
  const double dt = 0.05, z = z_value(4 * 3 * 2);
  for (const auto& c : linear_cases(replicas)) {
    SCOPED_TRACE(c.name);
    std::vector<double> x(3 * replicas, 1.5);
    EulerMaruyama(*c.process, dt).run(x, 40, 9);
    const auto moments = euler_maruyama_moments(c.law, dt);
    for (std::size_t j = 0; j < 3; ++j) {
      std::vector<double> first, second;
      for (std::size_t r = 0; r < static_cast<std::size_t>(replicas); ++r) {
        first.push_back(x[r * 3 + j]);
        second.push_back(x[r * 3 + j] * x[r * 3 + j]);
      }
      expect_matches(estimate(first), moments.mean(j, 1.5, 40), z);
      expect_matches(estimate(second), moments.second(j, 1.5, 40), z);
    }
  }
}

TEST(EulerMaruyama, MomentsOfOrnsteinUhlenbeck) {
  // Against the SDE's exact moments, with the discretisation's own error, known from the recursion, as named slack.
  const std::int64_t replicas = 20000, steps = 400;
  const double dt = 0.005, t = dt * steps, z = z_value(4 * 3 * 2);
  for (const auto& c : linear_cases(replicas)) {
    SCOPED_TRACE(c.name);
    std::vector<double> x(3 * replicas, 1.5);
    EulerMaruyama(*c.process, dt).run(x, steps, 10);
    const auto moments = euler_maruyama_moments(c.law, dt);
    for (std::size_t j = 0; j < 3; ++j) {
      std::vector<double> first, square;
      for (std::size_t r = 0; r < static_cast<std::size_t>(replicas); ++r) first.push_back(x[r * 3 + j]);
      const auto mean = estimate(first);
      for (const double value : first) square.push_back((value - mean.mean) * (value - mean.mean));
      const double mean_slack = std::abs(moments.mean(j, 1.5, steps) - c.law.mean(j, 1.5, t));
      const double variance_slack = std::abs(moments.variance(j, 1.5, steps) - c.law.variance(j, 1.5, t));
      EXPECT_LT(mean_slack, 0.03);  // the slack may not swallow the comparison
      EXPECT_LT(variance_slack, 0.05 * c.law.variance(j, 1.5, t));
      expect_matches(mean, c.law.mean(j, 1.5, t), z, mean_slack);
      expect_matches(estimate(square), c.law.variance(j, 1.5, t), z, variance_slack);
    }
  }
}

TEST(EulerMaruyama, CrossMomentsTellTheCovariancesApart) {
  // Large ω and lr, so that the three laws part by many standard errors (no noise: only the sparsifier's).
  const std::vector<double> curvature = {1, 1};
  const std::int64_t replicas = 20000, steps = 20;
  const double lr = 0.2;
  const auto settings = quadratic(curvature, replicas, lr, 1, NoiseScales(infinity, 0.0));
  const QuadraticSettings q{curvature, lr, 1, 1, NoiseScales(infinity, 0.0)};
  struct Version {
    Correlation correlation;
    double c;
  };
  const Version versions[] = {{Correlation::exactly_k, -1}, {Correlation::independent, 0}, {Correlation::printed, 1}};
  for (const auto& version : versions) {
    std::vector<double> x(2 * replicas, 1.0), product;
    const auto process = make_dcsgd(settings, 1, version.correlation);
    EulerMaruyama(*process, lr).run(x, steps, 21);
    for (std::size_t r = 0; r < static_cast<std::size_t>(replicas); ++r) product.push_back(x[2 * r] * x[2 * r + 1]);
    const auto sample = estimate(product);
    expect_matches(sample, std::pow(dcsgd_cross_factor(q, 0, 1, version.c), steps), z_value(3));
    for (const auto& other : versions) {
      if (other.c == version.c) continue;
      EXPECT_GT(std::abs(sample.mean - std::pow(dcsgd_cross_factor(q, 0, 1, other.c), steps)), 10 * sample.error);
    }
  }
}

TEST(EulerMaruyama, SamePathForAnyObserver) {
  const auto settings = quadratic({1, 2}, 3, 0.1, 2, NoiseScales(infinity, 1.0));
  const auto process = make_dsgd(settings);
  std::vector<double> a(6, 1.0), b(6, 1.0);
  std::vector<std::int64_t> seen;
  EulerMaruyama(*process, 0.1).run(a, 10, 4);
  EulerMaruyama(*process, 0.1).run(b, 10, 4, [&](std::int64_t k, double t, std::span<const double>) {
    seen.push_back(k);
    EXPECT_DOUBLE_EQ(t, 0.1 * static_cast<double>(k));
  }, 4);
  EXPECT_EQ(a, b);
  EXPECT_EQ(seen, (std::vector<std::int64_t>{0, 4, 8, 10}));
  std::vector<double> c(6, 1.0);
  EulerMaruyama(*process, 0.1).run(c, 10, 5);
  EXPECT_NE(a, c);
}

TEST(EulerMaruyama, SignFlowStopsInTheTimeOfTheTheorem) {  // phase 1's ODE: dS/dt = −‖∇f‖_1
  const auto settings = quadratic({5}, 1, 0.001, 1, NoiseScales(infinity, 0.01));
  const auto process = make_sign_phase1(settings);
  std::vector<double> x = {1.0};
  EulerMaruyama(*process, 0.001).run(x, 500, 0);
  EXPECT_NEAR(x[0], 0.5, 1e-12);  // |x| falls at speed 1
}

TEST(EulerMaruyama, RefusesABadStep) {
  const auto process = make_dsgd(quadratic({1}, 1, 0.1, 1, NoiseScales(infinity, 1.0)));
  for (const double dt : {0.0, -1.0, infinity, std::nan("")}) EXPECT_THROW(EulerMaruyama(*process, dt), Error);
}

}  // namespace
}  // namespace tersegrad
