// DSignSGD's bounds as the differential inequalities they are: Itô's generator of the full SDE at every kind of point.
#include "tersegrad/theory/bounds/sign_bounds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/theory/bounds/nonconvex_bounds.hpp"
#include "tersegrad/theory/laws/stationary.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A point of a quadratic at which every agent's every |Y_ij| lies in [low, high].
struct Point {
  QuadraticSettings q;
  SignSettings s;
  std::vector<double> gradient;
  double gap = 0;   // S = f − f*
  double drift = 0;  // dE S/dt by Itô: −Σ g_j mean_i 2Ξ_ν(Y_ij) + (η/2N) Σ λ_j (1 − mean_i (2Ξ_ν(Y_ij))²)
  double linear = 0;  // the same for the phase-3 SDE: ℓ_νY for 2Ξ_ν(Y)
  double norm1 = 0, norm2 = 0;  // ‖∇f‖_1, ‖∇f‖²
};

Point make_point(double nu, double low, double high, double lr, std::uint64_t seed) {
  Sequence random({seed, Purpose::test, 0, 0});
  Point p;
  const std::size_t d = 1 + random.below(5);
  const std::size_t agents = 1 + random.below(4);
  const double batch = 1 + static_cast<double>(random.below(8));
  std::vector<std::vector<double>> sigma(agents, std::vector<double>(d));
  const double level = std::exp(4 * random.uniform() - 2), slack = std::min(1.1, high / low);
  for (std::size_t j = 0; j < d; ++j) {
    for (std::size_t i = 0; i < agents; ++i) sigma[i][j] = level * std::pow(slack, -random.uniform());  // ≤ level
    p.q.curvature.push_back(std::exp(2 * random.uniform()));
  }
  p.q.lr = lr;
  p.q.agents = static_cast<std::int64_t>(agents);
  p.q.batch = batch;
  p.q.noise = NoiseScales(nu, sigma);
  p.s.student = student_constants(nu);
  p.s.mu = *std::min_element(p.q.curvature.begin(), p.q.curvature.end());
  p.s.smoothness = *std::max_element(p.q.curvature.begin(), p.q.curvature.end());
  for (const double lambda : p.q.curvature) p.s.trace += lambda;
  p.s.dim = static_cast<std::int64_t>(d);
  p.s.lr = lr;
  p.s.agents = p.q.agents;
  p.s.batch = batch;
  p.s.sigma_h1 = p.q.noise.harmonic_mean();
  p.s.sigma_h2 = p.q.noise.harmonic_mean_square();

  for (std::size_t j = 0; j < d; ++j) {
    const double y =
        low * std::pow(high / slack / low, random.uniform());  // against `level`; the agents' are up to slack more
    const double g = (random.below(2) ? 1 : -1) * y * level / std::sqrt(batch);
    const double lambda = p.q.curvature[j];
    p.gradient.push_back(g);
    p.gap += 0.5 * g * g / lambda;
    p.norm1 += std::abs(g);
    p.norm2 += g * g;
    double h = 0, h2 = 0, line = 0, line2 = 0;
    for (std::size_t i = 0; i < agents; ++i) {
      const double ratio = std::sqrt(batch) * g / sigma[i][j];
      const double value = sign_mean(nu, ratio), tangent = p.s.student.ell * ratio;
      h += value / static_cast<double>(agents);
      h2 += value * value / static_cast<double>(agents);
      line += tangent / static_cast<double>(agents);
      line2 += tangent * tangent / static_cast<double>(agents);
    }
    const double half = 0.5 * lr / static_cast<double>(agents) * lambda;
    p.drift += -g * h + half * (1 - h2);
    p.linear += -g * line + half * (1 - line2);
  }
  return p;
}

/// What a bound claims of dE S/dt at gap S.
double claimed(const Relaxation& bound, double gap) { return bound.source - bound.rate * gap; }

const std::vector<double> tails = {0.5, 1.0, 2.0, 3.0, 8.0, infinity};

TEST(SignPhase1, BoundsSignDescent) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto p = make_point(1, 1, 10, 0.01, seed);
    // S' = −‖∇f‖_1 ≤ −√(2µS): the slope of the tight bound at S; the print's is √µ·√S.
    EXPECT_LE(-p.norm1, -std::sqrt(2 * p.s.mu * p.gap) * (1 - 1e-12));
    const double h = 1e-6 * sign_phase1_end(p.s.mu, p.gap);
    EXPECT_NEAR((sign_phase1_bound(p.s.mu, p.gap, h) - p.gap) / h, -std::sqrt(2 * p.s.mu * p.gap),
                1e-4 * std::sqrt(2 * p.s.mu * p.gap));
    for (const double part : {0.1, 0.5, 0.9}) {
      const double t = part * sign_phase1_end(p.s.mu, p.gap);
      EXPECT_LE(sign_phase1_bound(p.s.mu, p.gap, t), sign_phase1_bound(p.s.mu, p.gap, t, PhaseOne::printed));
    }
  }
}

TEST(SignPhase1, EndsWhenItSays) {
  // One coordinate: x falls at speed 1, S = ½λx² with λ = µ: the tight bound is the solution itself.
  const double mu = 5, gap = 0.5 * mu;
  for (const double t : {0.0, 0.3, 0.9})
    EXPECT_NEAR(sign_phase1_bound(mu, gap, t), 0.5 * mu * (1 - t) * (1 - t), 1e-14);
  EXPECT_DOUBLE_EQ(sign_phase1_end(mu, gap), 1);
  EXPECT_EQ(sign_phase1_bound(mu, gap, 1.5), 0);
  EXPECT_DOUBLE_EQ(sign_phase1_end(mu, gap, PhaseOne::printed), 2 * std::sqrt(gap / mu));
  EXPECT_NEAR(sign_phase1_bound(mu, gap, sign_phase1_end(mu, gap, PhaseOne::printed), PhaseOne::printed), 0, 1e-15);
  EXPECT_GT(sign_phase1_bound(mu, gap, 1.0, PhaseOne::printed), 0);
}

TEST(SignPhase2, HoldsAtEveryPointOfThePhase) {
  for (const double nu : tails) {
    const double psi = student_constants(nu).psi;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const auto p = make_point(nu, 1, psi, 0.3, seed);
      EXPECT_LE(p.drift, claimed(sign_phase2_bound(p.s, p.gap), p.gap) + 1e-12) << "nu " << nu << " seed " << seed;
      EXPECT_LE(p.drift, claimed(sign_pl_bound(p.s, p.gap, 2), p.gap) + 1e-12) << "nu " << nu << " seed " << seed;
    }
  }
}

TEST(SignPhase2, PrintedInterceptBreaksItsOwnInequality) {  // ⚠ q̂_ν = max(q_1, q_2)
  for (const double nu : {0.5, 1.0}) {
    // At |Y| = 1, where the secant touches the graph, and small σ: the terms in ‖∇f‖_1 that the proof drops vanish.
    SignSettings s;
    s.student = student_constants(nu);
    s.mu = s.smoothness = s.trace = 1;
    s.lr = 1;
    s.sigma_h1 = 1e-3;
    s.sigma_h2 = 1e-6;
    const double g = s.sigma_h1, gap = 0.5 * g * g, h = s.student.at_one;
    const double drift = -g * h + 0.5 * (1 - h * h);
    EXPECT_LE(drift, claimed(sign_phase2_bound(s, gap), gap));
    EXPECT_GT(drift, claimed(sign_phase2_bound(s, gap, Intercept::printed), gap) + 0.1) << nu;
    // And in its definition: (111) has m x + q_1 below 2Ξ, m x + q_2 above.
    EXPECT_LT(h, s.student.slope + s.student.intercept2);
  }
}

TEST(SignPhase3, TangentIsExactForItsOwnSde) {  // and holds with equality on an isotropic quadratic
  for (const double nu : tails) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const auto p = make_point(nu, 0.01, 1, 0.3, seed);
      EXPECT_LE(p.linear, claimed(sign_phase3_bound(p.s, p.gap), p.gap) + 1e-12);
      EXPECT_LE(p.linear, claimed(sign_pl_bound(p.s, p.gap, 3), p.gap) + 1e-12);
    }
    const QuadraticSettings q{std::vector<double>(7, 2.0), 0.01, 4, 9, NoiseScales(nu, 0.3)};
    SignSettings s;
    s.student = student_constants(nu);
    s.mu = 2, s.trace = 14, s.dim = 7, s.lr = 0.01, s.agents = 4, s.batch = 9, s.sigma_h1 = 0.3, s.sigma_h2 = 0.09;
    const auto bound = sign_phase3_bound(s, 7 * 0.5 * 2 * 0.01);
    const auto law = sign_law(q);
    for (const double t : {0.0, 0.2, 3.0}) EXPECT_NEAR(bound.at(t) / (7 * 0.5 * 2 * law.second(0, 0.1, t)), 1, 1e-12);
  }
}

TEST(SignPhase3, ChordHoldsForTheFullSdeWhereTheTangentDoesNot) {
  int broken = 0;
  for (const double nu : tails) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const auto p = make_point(nu, 0.01, 1, 0.3, seed);
      EXPECT_LE(p.drift, claimed(sign_phase3_bound(p.s, p.gap, Line::chord), p.gap) + 1e-12)
          << "nu " << nu << " seed " << seed;
      broken += p.drift > claimed(sign_phase3_bound(p.s, p.gap, Line::tangent), p.gap) + 1e-12;
    }
  }
  EXPECT_GT(broken, 0);  // ℓ_ν|Y| > |2Ξ_ν(Y)|: the tangent's is an approximation
}

TEST(SignBounds, TakeTheBatchAsScale) {  // B and σ enter as σ/√B only
  SignSettings a;
  a.student = student_constants(3);
  a.mu = 1, a.smoothness = 2, a.trace = 3, a.dim = 2, a.lr = 0.1, a.agents = 5, a.batch = 16, a.sigma_h1 = 2,
  a.sigma_h2 = 4.4;
  SignSettings b = a;
  b.batch = 1, b.sigma_h1 /= 4, b.sigma_h2 /= 16;
  for (const auto intercept : {Intercept::secant, Intercept::printed}) {
    EXPECT_DOUBLE_EQ(sign_phase2_bound(a, 1, intercept).rate, sign_phase2_bound(b, 1, intercept).rate);
  }
  for (const auto line : {Line::tangent, Line::chord})
    EXPECT_DOUBLE_EQ(sign_phase3_bound(a, 1, line).rate, sign_phase3_bound(b, 1, line).rate);
  for (const int phase : {2, 3}) EXPECT_DOUBLE_EQ(sign_pl_bound(a, 1, phase).rate, sign_pl_bound(b, 1, phase).rate);
}

TEST(SignPhase2, SpreadBoundsTheDiffusionAndThePrintedOneDoesNot) {  // ⚠ (117): q^− = −q_2 where ∂_j f < 0
  Sequence random({1, Purpose::test, 0, 0});
  for (const double nu : tails) {
    PhaseTwoState state;
    state.student = student_constants(nu);
    state.lr = 0.1;
    state.agents = 3;
    state.dim = 4;
    std::vector<double> ratios(12);
    double diffusion = 4;
    for (double& y : ratios) {
      y = -std::pow(state.student.psi, random.uniform());
      diffusion -= sign_mean(nu, y) * sign_mean(nu, y) / 3;
    }
    state.ratios = ratios;
    EXPECT_GE(sign_phase2_spread(state), diffusion);
    EXPECT_LT(sign_phase2_spread(state, Intercept::printed), diffusion);
    for (double& y : ratios) y = -y;  // all ∂_j f > 0: the two agree, and hold
    EXPECT_GE(sign_phase2_spread(state), diffusion);
    EXPECT_EQ(sign_phase2_spread(state), sign_phase2_spread(state, Intercept::printed));
    EXPECT_DOUBLE_EQ(sign_phase2_escape(state, 0.5, 1.0), 0.1 * 0.5 / 3 * sign_phase2_spread(state));
    EXPECT_EQ(sign_phase2_escape(state, 1e9, 1.0), 1);
  }
}

TEST(SignBounds, RefuseImpossibleSettings) {
  SignSettings s;
  s.student = student_constants(3);
  s.mu = 1, s.trace = 1, s.lr = 0.1, s.sigma_h1 = 1, s.sigma_h2 = 1;
  EXPECT_NO_THROW(sign_phase3_bound(s, 1));
  EXPECT_THROW(sign_phase3_bound(s, -1), Error);
  EXPECT_THROW(sign_pl_bound(s, 1, 3), Error);  // no L
  s.smoothness = 1;
  EXPECT_THROW(sign_pl_bound(s, 1, 1), Error);
  s.mu = 0;
  EXPECT_THROW(sign_phase2_bound(s, 1), Error);
  EXPECT_THROW(sign_phase1_bound(0, 1, 1), Error);
  s.mu = 1, s.sigma_h1 = 0;
  EXPECT_THROW(sign_phase3_bound(s, 1), Error);
}

TEST(SignGradientBounds, MatchTheirDifferentialInequality) {  // Theorem 3.13, at a constant schedule (φ¹ = φ² = t)
  for (const double nu : tails) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const double t = 2;
      const auto slope = [&](const MixedGradientBound& b,
                             const Point& p) {  // bound·φ¹ = unit·(S_0 + …t): per unit of time
        const double unit = p.s.sigma_h1 / (p.s.student.slope * std::sqrt(p.s.batch));
        return (b.bound * t / unit - p.gap) / t;
      };
      const auto p2 = make_point(nu, 1, student_constants(nu).psi, 0.3, seed);
      const auto b = sign_gradient_bound2(p2.s, p2.gap, {t, t});
      const double unit = p2.s.sigma_h1 / (p2.s.student.slope * std::sqrt(p2.s.batch));
      EXPECT_LE((p2.norm2 + b.weight * p2.norm1) / unit, -p2.drift + slope(b, p2) + 1e-12)
          << "nu " << nu << " seed " << seed;
      EXPECT_GT(b.printed_weight, b.weight);
      const auto p3 = make_point(nu, 0.01, 1, 0.3, seed);
      const double unit3 = p3.s.sigma_h1 / (p3.s.student.ell * std::sqrt(p3.s.batch));
      const double source = (sign_gradient_bound3(p3.s, p3.gap, {t, t}) * t / unit3 - p3.gap) / t;
      EXPECT_LE(p3.norm2 / unit3, -p3.linear + source + 1e-12);
    }
  }
  EXPECT_DOUBLE_EQ(sign_gradient_bound1(3, {2, 1}), 1.5);
}

TEST(SignGradientBounds, PrintedWeightFails) {  // ⚠ q̂_ν again: at |Y| = 1 the drift is m|Y| + q_1 exactly
  SignSettings s;
  s.student = student_constants(1);
  s.smoothness = 1, s.lr = 1e-6, s.sigma_h1 = 1, s.sigma_h2 = 1, s.mu = 1;
  const double g = 1, h = s.student.at_one, drift = -g * h + 0.5 * s.lr * (1 - h * h);
  const auto b = sign_gradient_bound2(s, 0, {1, 1});
  const double unit = 1 / s.student.slope;
  const double right = -drift + b.bound / unit;
  EXPECT_LE((g * g + b.weight * g) / unit, right);
  EXPECT_GT((g * g + b.printed_weight * g) / unit, right + 0.1);
}

}  // namespace
}  // namespace tersegrad
