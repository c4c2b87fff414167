#include "tersegrad/theory/bounds/sign_bounds.hpp"

#include <algorithm>
#include <cmath>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

double steepness(double mu, PhaseOne form) { return std::sqrt(form == PhaseOne::tight ? 2 * mu : mu); }

void check_gap(double mu, double gap) {
  TERSEGRAD_CHECK(mu > 0, "mu is '", mu, "' (the bound needs it above 0: H positive definite, say)");
  TERSEGRAD_CHECK(gap >= 0, "the initial loss above the minimum is '", gap, "' (cannot be negative)");
}

/// slope·√B/σ_H,1 + ηBµ·slope²/(2Nσ_H,2).
double delta(const SignSettings& s, double slope) {
  return slope * std::sqrt(s.batch) / s.sigma_h1 +
         s.lr * s.batch * s.mu * slope * slope / (2 * static_cast<double>(s.agents) * s.sigma_h2);
}

}  // namespace

void SignSettings::check() const {
  TERSEGRAD_CHECK(mu > 0, "mu is '", mu, "' (DSignSGD's bounds need it above 0: H positive definite, say)");
  TERSEGRAD_CHECK(lr > 0 && std::isfinite(lr), "learning rate is '", lr, "' (must be a positive number)");
  TERSEGRAD_CHECK(batch > 0, "batch is '", batch, "' (must be positive)");
  TERSEGRAD_CHECK(agents >= 1 && dim >= 1, agents, " agents and ", dim, " coordinates (both must be at least 1)");
  TERSEGRAD_CHECK(sigma_h1 > 0 && sigma_h2 > 0, "noise scale sigma is '", sigma_h1,
                  "' (phases 2 and 3 exist only with noise: must be positive)");
}

double sign_phase1_bound(double mu, double gap, double t, PhaseOne form) {
  check_gap(mu, gap);
  const double root = std::max(0.0, 2 * std::sqrt(gap) - steepness(mu, form) * t);
  return 0.25 * root * root;
}

double sign_phase1_end(double mu, double gap, PhaseOne form) {
  check_gap(mu, gap);
  return 2 * std::sqrt(gap) / steepness(mu, form);
}

Relaxation sign_phase2_bound(const SignSettings& s, double gap, Intercept intercept) {
  s.check();
  check_gap(s.mu, gap);
  const double q =
      intercept == Intercept::secant ? s.student.intercept1 : std::max(s.student.intercept1, s.student.intercept2);
  const double source =
      s.lr * (s.trace - s.mu * static_cast<double>(s.dim) * q * q) / (2 * static_cast<double>(s.agents));
  return {gap, 2 * s.mu * delta(s, s.student.slope), source};
}

Relaxation sign_phase3_bound(const SignSettings& s, double gap, Line line) {
  s.check();
  check_gap(s.mu, gap);
  const double slope = line == Line::tangent ? s.student.ell : s.student.at_one;
  return {gap, 2 * s.mu * delta(s, slope), s.lr * s.trace / (2 * static_cast<double>(s.agents))};
}

Relaxation sign_pl_bound(const SignSettings& s, double gap, int phase) {
  s.check();
  check_gap(s.mu, gap);
  TERSEGRAD_CHECK(phase == 2 || phase == 3, "phase is '", phase, "' (the linear bounds are of phases 2 and 3)");
  TERSEGRAD_CHECK(s.smoothness > 0, "smoothness L is '", s.smoothness, "' (must be a positive number)");
  const double slope = phase == 2 ? s.student.slope : s.student.ell;
  const double source = s.lr * s.smoothness * static_cast<double>(s.dim) / (2 * static_cast<double>(s.agents));
  return {gap, 2 * s.mu * slope * std::sqrt(s.batch) / s.sigma_h1, source};
}

double sign_phase2_spread(const PhaseTwoState& state, Intercept intercept) {
  double squares = 0;
  for (const double y : state.ratios) {
    const double q = intercept == Intercept::printed && y < 0 ? state.student.intercept2 : state.student.intercept1;
    const double h = state.student.slope * std::abs(y) + q;
    squares += h * h;
  }
  return static_cast<double>(state.dim) - squares / static_cast<double>(state.agents);
}

double sign_phase2_escape(const PhaseTwoState& state, double t, double a) {
  TERSEGRAD_CHECK(a > 0 && t >= 0, "time ", t, " and squared distance ", a, " (the distance must be positive)");
  return std::min(1.0, state.lr * t / (static_cast<double>(state.agents) * a) * sign_phase2_spread(state));
}

}  // namespace tersegrad
