#include "tersegrad/theory/student/student_constants.hpp"

#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double two_over_pi = 0.63661977236758134308;

/// Above it t_ν and the Gaussian differ by O(1/ν), less than the last bit.
bool is_gaussian(double nu) { return nu > 1e16; }

/// (ν/2)·B(ν/2, ½): P(|T| > x) ~ (x/√ν)^(−ν) / that, as x → ∞.
double tail_divisor(double nu) { return std::exp(boost::math::lgamma(0.5 * nu + 1) + boost::math::lgamma(0.5) -
                                                 boost::math::lgamma(0.5 * nu + 0.5)); }

/// Where the leading term of the tail is exact to the last bit and (x/√ν)² would overflow.
constexpr double far_ratio = 1e150;

}  // namespace

void require_tail_index(double nu) {
  TERSEGRAD_CHECK(nu > 0, "nu is '", nu, "' (degrees of freedom must be positive; 'inf' is the Gaussian)");
}

double sign_mean(double nu, double x) {
  require_tail_index(nu);
  if (std::isnan(x) || x == 0) return x;
  if (std::isinf(x)) return std::copysign(1.0, x);
  if (is_gaussian(nu)) return boost::math::erf(x / std::sqrt(2.0));
  const double ratio = std::abs(x) / std::sqrt(nu);
  if (ratio > 0.5) return std::copysign(1 - sign_mean_tail(nu, x), x);
  const double square = ratio * ratio;
  if (square < 1e-290) return sign_mean_slope(nu, 0) * x;  // x² would underflow
  return std::copysign(boost::math::ibeta(0.5, 0.5 * nu, square / (1 + square)), x);
}

double sign_mean_tail(double nu, double x) {
  require_tail_index(nu);
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return 0;
  if (is_gaussian(nu)) return boost::math::erfc(std::abs(x) / std::sqrt(2.0));
  const double ratio = std::abs(x) / std::sqrt(nu);
  if (ratio > far_ratio) return std::exp(-nu * std::log(ratio)) / tail_divisor(nu);
  const double square = ratio * ratio;
  if (square > 1) return boost::math::ibeta(0.5 * nu, 0.5, 1 / (1 + square));
  return square == 0 ? 1 : boost::math::ibetac(0.5, 0.5 * nu, square / (1 + square));
}

double xi(double nu, double x) { return 0.5 * sign_mean(nu, x); }

double sign_mean_slope(double nu, double x) {
  require_tail_index(nu);
  if (is_gaussian(nu)) return std::sqrt(two_over_pi) * std::exp(-0.5 * x * x);
  // Γ((ν+1)/2) / Γ(ν/2) without the overflow of either.
  const double ratio = 1 / boost::math::tgamma_delta_ratio(0.5 * nu, 0.5);
  const double at_zero = 2 * ratio * std::sqrt(two_over_pi / (2 * nu));
  const double r = x / std::sqrt(nu);
  return at_zero * std::exp(-0.5 * (nu + 1) * std::log1p(r * r));
}

double student_variance(double nu) {
  require_tail_index(nu);
  if (std::isinf(nu)) return 1;
  return nu > 2 ? nu / (nu - 2) : infinity;
}

namespace {

/// ψ with P(|T| > ψ) = tolerance.
double quantile_of_tail(double nu, double tolerance) {
  if (is_gaussian(nu)) return std::sqrt(2.0) * boost::math::erfc_inv(tolerance);
  // P(|T| > x) = I_z(ν/2, ½) with z = ν/(ν + x²).
  double complement = 0;
  const double z = boost::math::ibeta_inv(0.5 * nu, 0.5, tolerance, &complement);
  if (z > 1e-290) return std::sqrt(nu) * std::sqrt(complement / z);
  return std::sqrt(nu) * std::exp(-std::log(tolerance * tail_divisor(nu)) / nu);  // z underflows: the leading term
}

/// x > 0 where the density falls to m: 2Ξ'_ν(x) = m.
double slope_inverse(double nu, double ell, double m) {
  if (is_gaussian(nu)) return std::sqrt(2 * std::log(ell / m));
  const double log =
      std::log(ell / m) / (nu + 1);  // x² = ν((ℓ/m)^(2/(ν+1)) − 1), whose square root may exist where it does not
  return std::sqrt(nu) * std::exp(log) * std::sqrt(-std::expm1(-2 * log));
}

}  // namespace

StudentConstants student_constants(double nu, double tolerance) {
  require_tail_index(nu);
  StudentConstants c;
  c.nu = nu;
  c.tolerance = tolerance;
  c.ell = sign_mean_slope(nu, 0);
  c.at_one = sign_mean(nu, 1);
  TERSEGRAD_CHECK(tolerance > 0 && tolerance < sign_mean_tail(nu, 1), "tolerance is '", tolerance,
                  "' (psi must lie beyond 1, so it must be in (0, ", sign_mean_tail(nu, 1), ") for nu = ", nu, ")");
  c.psi = quantile_of_tail(nu, tolerance);
  c.slope = (1 - tolerance - c.at_one) / (c.psi - 1);
  c.intercept1 = c.at_one - c.slope;
  if (c.slope < std::numeric_limits<double>::min()) {  // ψ is astronomic: the secant is level, and so is the tangent
    c.intercept2 = 1;
    return c;
  }
  const double touch = slope_inverse(nu, c.ell, c.slope);
  c.intercept2 = sign_mean(nu, touch) - c.slope * touch;
  return c;
}

}  // namespace tersegrad
