#include "tersegrad/theory/bounds/nonconvex_bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

/// ∫₀ᵗ (1 + s/τ)^−p ds = τ((1 + t/τ)^(1−p) − 1)/(1 − p).
double power_integral(double p, double tau, double t) {
  const double log = std::log1p(t / tau);
  return p == 1 ? tau * log : tau * std::expm1((1 - p) * log) / (1 - p);
}

void check_terms(double gap, const ScheduleIntegrals& phi) {
  TERSEGRAD_CHECK(gap >= 0, "the initial loss above the minimum is '", gap, "' (cannot be negative)");
  TERSEGRAD_CHECK(phi.first > 0 && phi.second > 0, "the schedule's integrals are ", phi.first, " and ", phi.second,
                  " (both must be positive: t > 0)");
}

/// S_0 + ηLdφ²/(2N).
double sign_numerator(const SignSettings& s, double gap, const ScheduleIntegrals& phi) {
  check_terms(gap, phi);
  TERSEGRAD_CHECK(s.smoothness > 0, "smoothness L is '", s.smoothness, "' (must be a positive number)");
  TERSEGRAD_CHECK(s.sigma_h1 > 0, "noise scale sigma is '", s.sigma_h1, "' (phases 2 and 3 exist only with noise)");
  return gap + s.lr * s.smoothness * static_cast<double>(s.dim) * phi.second / (2 * static_cast<double>(s.agents));
}

}  // namespace

ScheduleIntegrals power_schedule(double exponent, double tau, double t) {
  TERSEGRAD_CHECK(exponent >= 0 && tau > 0 && t >= 0, "schedule (1 + t/", tau, ")^-", exponent, " up to t = ", t,
                  " (exponent and t cannot be negative, tau must be positive)");
  return {power_integral(exponent, tau, t), power_integral(2 * exponent, tau, t)};
}

double dsgd_gradient_bound(const LossSettings& settings, double noise, double gap, const ScheduleIntegrals& phi) {
  return dcsgd_gradient_bound(settings, AgentMeans::equal(noise, 0), gap, phi);
}

double dcsgd_gradient_bound(const LossSettings& s, const AgentMeans& agents, double gap, const ScheduleIntegrals& phi,
                            double largest) {
  check_terms(gap, phi);
  const auto n = static_cast<double>(s.agents);
  const double pull = s.lr * s.smoothness * agents.omega / (2 * n);
  if (largest * pull >= 1) return std::numeric_limits<double>::infinity();
  const double noise = s.lr * s.smoothness * (agents.noise + agents.omega_noise) / (2 * s.batch * n);
  return (gap + noise * phi.second) / (phi.first - pull * phi.second);
}

double sign_gradient_bound1(double gap, const ScheduleIntegrals& phi) {
  check_terms(gap, phi);
  return gap / phi.first;
}

MixedGradientBound sign_gradient_bound2(const SignSettings& s, double gap, const ScheduleIntegrals& phi) {
  const double numerator = sign_numerator(s, gap, phi);
  const double unit = s.sigma_h1 / (s.student.slope * std::sqrt(s.batch));
  return {unit / phi.first * numerator, s.student.intercept1 * unit,
          std::max(s.student.intercept1, s.student.intercept2) * unit};
}

double sign_gradient_bound3(const SignSettings& s, double gap, const ScheduleIntegrals& phi) {
  return s.sigma_h1 / (phi.first * s.student.ell * std::sqrt(s.batch)) * sign_numerator(s, gap, phi);
}

}  // namespace tersegrad
