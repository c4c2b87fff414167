// Moments on quadratics: the SDEs' laws, the algorithms' own recursions, and where each diverges.
#include "tersegrad/theory/laws/stationary.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/student/student_constants.hpp"
#include "theory/sde/simulation.hpp"
#include "theory/statistics.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(DcsgdLaw, IsPropositionB13) {
  const std::vector<double> h = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1};  // F.7
  const double lr = 0.01, sigma = 0.1, d = 10, k = 3;
  const QuadraticSettings q{h, lr, 5, 1, NoiseScales(infinity, sigma)};
  const auto law = dcsgd_law(q, d / k - 1);
  for (std::size_t j = 0; j < h.size(); ++j) {
    const double m = 2 * h[j] * (1 - lr * h[j] / (2 * 5) * (d / k - 1));
    EXPECT_NEAR(law.rate[j], m, 1e-14);
    EXPECT_NEAR(law.stationary(j), lr / 5 * d / k * sigma * sigma / m, 1e-18);
    for (const double t : {0.0, 0.3, 2.0, 40.0}) {  // (77) and (90)
      const double second = std::exp(-m * t) * 4 + lr / 5 * d / k * sigma * sigma / m * (1 - std::exp(-m * t));
      EXPECT_NEAR(law.second(j, 2, t), second, 1e-13);
      EXPECT_NEAR(law.variance(j, 2, t), second - std::exp(-2 * h[j] * t) * 4, 1e-13);
      EXPECT_NEAR(law.mean(j, 2, t), 2 * std::exp(-h[j] * t), 1e-14);
    }
  }
  const QuadraticSettings twice{h, lr, 5, 1, NoiseScales(infinity, 2 * sigma)};  // quadratic in σ
  EXPECT_NEAR(dcsgd_law(twice, d / k - 1).stationary(0) / law.stationary(0), 4, 1e-12);
  const QuadraticSettings batch{h, lr, 5, 4, NoiseScales(infinity, 2 * sigma)};  // σ²/B
  EXPECT_NEAR(dcsgd_law(batch, d / k - 1).stationary(0) / law.stationary(0), 1, 1e-12);
  const QuadraticSettings heavy{h, lr, 5, 1, NoiseScales(3, sigma)};  // Var t_3 = 3
  EXPECT_NEAR(dcsgd_law(heavy, d / k - 1).stationary(0) / law.stationary(0), 3, 1e-12);
}

TEST(SignLaw, IsPropositionC16) {
  const std::vector<double> h = {2, 1};
  const double lr = 0.001, n = 2;
  const std::vector<std::vector<double>> sigma = {{0.1, 0.2}, {0.3, 0.2}};
  for (const double nu : {1.0, 2.5, infinity}) {
    const QuadraticSettings q{h, lr, 2, 1, NoiseScales(nu, sigma)};
    const double ell = student_constants(nu).ell;
    const auto law = sign_law(q);
    for (std::size_t j = 0; j < 2; ++j) {
      const double s1 = 0.5 * (1 / sigma[0][j] + 1 / sigma[1][j]);
      const double s2 = 0.5 * (1 / (sigma[0][j] * sigma[0][j]) + 1 / (sigma[1][j] * sigma[1][j]));
      const double stationary = lr / (2 * n) / (ell + lr / (2 * n) * ell * ell * s2 / s1 * h[j]) / h[j] / s1;
      EXPECT_NEAR(law.stationary(j) / stationary, 1, 1e-12);
      for (const double t : {0.0, 0.02, 1.0}) {
        const double m = std::exp(-2 * (ell * s1 * h[j] + lr / (2 * n) * ell * ell * s2 * h[j] * h[j]) * t);
        EXPECT_NEAR(law.variance(j, 0.05, t), (m - std::exp(-2 * ell * s1 * h[j] * t)) * 0.0025 + stationary * (1 - m),
                    1e-15);
        EXPECT_NEAR(law.mean(j, 0.05, t), 0.05 * std::exp(-ell * s1 * h[j] * t), 1e-15);
      }
    }
  }
  // Linear in σ: exactly so in the limit η → 0; the correction is the second term of M.
  const auto at = [&](double sigma_) {
    return sign_law({{1.0}, 1e-6, 10, 1, NoiseScales(infinity, sigma_)}).stationary(0);
  };
  EXPECT_NEAR(at(0.2) / at(0.1), 2, 1e-5);
  EXPECT_NEAR(at(10) / at(0.1), 100, 1e-3);
}

TEST(DcsgdRecursion, IsEulerMaruyamaAtTheLearningRate) {
  const QuadraticSettings q{{3, 1, 0.2}, 0.07, 4, 2, NoiseScales(5, {{1, 2, 3}})};
  for (const double omega : {0.0, 0.5, 2.0}) {
    const auto exact = dcsgd_recursion(q, omega);
    const auto euler = euler_maruyama_moments(dcsgd_law(q, omega), q.lr);
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(exact.factor[j], euler.factor[j], 1e-15);
      EXPECT_NEAR(exact.square[j], euler.square[j], 1e-15);
      EXPECT_NEAR(exact.source[j], euler.source[j], 1e-15);
    }
  }
}

TEST(DcsgdRecursion, IsTheEnumeratedStep) {
  // One step of two agents from a fixed x: every pair of k-subsets, noise ±√V.
  const std::vector<double> x = {1.0, -0.5, 2.0}, lambda = {2, 1, 0.5};
  const double lr = 0.3, v = 0.4;
  for (int k = 1; k <= 3; ++k) {
    const double omega = 3.0 / k - 1;
    std::vector<double> second(9);
    double count = 0;
    std::vector<std::vector<double>> messages;  // every C(g) an agent can send, equally likely
    for (unsigned kept = 0; kept < 8; ++kept) {
      if (std::popcount(kept) != k) continue;
      for (unsigned signs = 0; signs < 8; ++signs) {
        std::vector<double> c(3);
        for (std::size_t j = 0; j < 3; ++j)
          c[j] = (kept >> j & 1) ? 3.0 / k * (lambda[j] * x[j] + (signs >> j & 1 ? 1 : -1) * std::sqrt(v)) : 0;
        messages.push_back(c);
      }
    }
    for (const auto& a : messages) {
      for (const auto& b : messages) {
        for (std::size_t j = 0; j < 3; ++j) {
          for (std::size_t l = 0; l < 3; ++l) {
            second[j * 3 + l] += (x[j] - lr / 2 * (a[j] + b[j])) * (x[l] - lr / 2 * (a[l] + b[l]));
          }
        }
        ++count;
      }
    }
    const QuadraticSettings q{lambda, lr, 2, 1, NoiseScales(infinity, std::sqrt(v))};
    const auto recursion = dcsgd_recursion(q, omega);
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(recursion.second(j, x[j], 1), second[j * 3 + j] / count, 1e-12) << "k " << k;
      for (std::size_t l = 0; l < 3; ++l) {
        if (l == j) continue;
        const double factor = dcsgd_cross_factor(q, j, l, -omega / 2);
        EXPECT_NEAR(factor * x[j] * x[l], second[j * 3 + l] / count, 1e-12) << "k " << k;
        if (k < 3) {  // ⚠ the printed off-diagonal
          EXPECT_GT(std::abs(dcsgd_cross_factor(q, j, l, omega) * x[j] * x[l] - second[j * 3 + l] / count), 0.01);
        }
      }
    }
  }
}

TEST(DcsgdRecursion, MatchesTheAlgorithm) {
  const std::vector<double> lambda = {2, 1, 1, 1, 0.5};
  SerialRun run;
  run.gradient = quadratic_gradient(lambda);
  run.lr = 0.2;
  run.agents = 3;
  run.sigma = 0.5;
  const std::int64_t steps = 15;
  const int replicas = 8000;
  for (const std::int64_t k : {5, 2, 1}) {
    const QuadraticSettings q{lambda, run.lr, run.agents, 1, NoiseScales(infinity, run.sigma)};
    const auto recursion = dcsgd_recursion(q, 5.0 / static_cast<double>(k) - 1);
    std::vector<std::vector<double>> first(5), second(5);
    std::vector<double> cross;
    for (int r = 0; r < replicas; ++r) {
      const auto x = run.rand_k(std::vector<double>(5, 1.0), k, steps, static_cast<std::uint64_t>(r));
      for (std::size_t j = 0; j < 5; ++j) {
        first[j].push_back(x[j]);
        second[j].push_back(x[j] * x[j]);
      }
      cross.push_back(x[1] * x[2]);
    }
    const double z = z_value(3 * 11);
    for (std::size_t j = 0; j < 5; ++j) {
      expect_matches(estimate(first[j]), recursion.mean(j, 1.0, steps), z);
      expect_matches(estimate(second[j]), recursion.second(j, 1.0, steps), z);
    }
    const double c = -(5.0 / static_cast<double>(k) - 1) / 4;
    expect_matches(estimate(cross), std::pow(dcsgd_cross_factor(q, 1, 2, c), static_cast<double>(steps)), z);
  }
}

TEST(Divergence, IsExactlyPastTheLimit) {
  const double lambda = 100;  // F.6: H = 100·I
  for (const std::int64_t agents : {1, 3, 16}) {
    for (const double omega : {1.0, 15.0, 127.0}) {
      const double sde = dcsgd_sde_lr_limit(lambda, agents, omega), exact = dcsgd_exact_lr_limit(lambda, agents, omega);
      EXPECT_DOUBLE_EQ(sde, 2 * lambda * static_cast<double>(agents) / (lambda * lambda * omega));  // 2µN/(L²ω), L = µ
      EXPECT_LT(exact, sde);  // the discrete steps have a limit of their own: 1/exact = 1/sde + 1/(2/λ)
      EXPECT_NEAR(1 / exact, 1 / sde + lambda / 2, 1e-12 / exact);
      for (const double part : {1 - 1e-9, 1 + 1e-9}) {
        const bool bounded = part < 1;
        const auto settings = [&](double lr) {
          return QuadraticSettings{{lambda}, lr, agents, 1, NoiseScales(infinity, 0.1)};
        };
        EXPECT_EQ(dcsgd_law(settings(sde * part), omega).rate[0] > 0, bounded);
        EXPECT_EQ(dcsgd_recursion(settings(exact * part), omega).square[0] < 1, bounded);
        EXPECT_EQ(std::isfinite(dcsgd_recursion(settings(exact * part), omega).stationary(0)), bounded);
      }
      // Well past it the loss explodes, well before it settles.
      const auto far = dcsgd_recursion({{lambda}, 1.1 * exact, agents, 1, NoiseScales(infinity, 0.1)}, omega);
      const auto near = dcsgd_recursion({{lambda}, 0.9 * exact, agents, 1, NoiseScales(infinity, 0.1)}, omega);
      EXPECT_GT(far.second(0, 1, 20000), 1e3);
      EXPECT_NEAR(near.second(0, 1, 100000) / near.stationary(0), 1, 1e-6);
    }
  }
}

TEST(MomentRecursion, SumsItsSeries) {
  const QuadraticSettings q{{2}, 0.3, 2, 1, NoiseScales(infinity, 1.0)};
  const auto r = dcsgd_recursion(q, 1);
  double m = 4;
  for (std::int64_t k = 0; k < 12; ++k) {
    EXPECT_NEAR(r.second(0, 2, k), m, 1e-12);
    m = r.square[0] * m + r.source[0];
  }
  MomentRecursion critical{{1}, {1}, {0.5}};
  EXPECT_DOUBLE_EQ(critical.second(0, 1, 4), 3);
  EXPECT_EQ(critical.stationary(0), infinity);
}

TEST(Quadratics, NeedPositiveDefiniteness) {
  EXPECT_THROW(dcsgd_law({{1, 0}, 0.1, 1, 1, NoiseScales(infinity, 1.0)}, 0), Error);
  EXPECT_THROW(dcsgd_law({{1, -2}, 0.1, 1, 1, NoiseScales(infinity, 1.0)}, 0), Error);
  EXPECT_THROW(sign_law({{1, -2}, 0.1, 1, 1, NoiseScales(infinity, 1.0)}), Error);
  EXPECT_THROW(sign_law({{1}, 0.1, 1, 1, NoiseScales(infinity, 0.0)}), Error);
  EXPECT_THROW(dcsgd_law({{1}, 0.1, 1, 1, NoiseScales(2, 1.0)}, 0), Error);
  EXPECT_THROW(dcsgd_law({{1}, 0.1, 1, 1, NoiseScales(3, 1.0)}, -1), Error);
  EXPECT_THROW(dcsgd_law({{}, 0.1, 1, 1, NoiseScales(3, 1.0)}, 0), Error);
}

}  // namespace
}  // namespace tersegrad
