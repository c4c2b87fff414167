// Student's t constants against closed forms, the paper's own series and integration of the density.
#include "tersegrad/theory/student/student_constants.hpp"

#include <gtest/gtest.h>

#include <boost/math/quadrature/tanh_sinh.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/theory/sde/sign_response.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using std::numbers::pi;

/// 2Ξ_ν for whole ν by the elementary sums of Abramowitz & Stegun 26.7.3–4.
double elementary(int nu, double x) {
  const double theta = std::atan(x / std::sqrt(static_cast<double>(nu)));
  const double cosine = std::cos(theta), sine = std::sin(theta);
  if (nu % 2 == 1) {
    double sum = 0, term = cosine;
    for (int i = 1; i <= (nu - 1) / 2; ++i) {
      sum += term;
      term *= cosine * cosine * (2.0 * i) / (2.0 * i + 1);
    }
    return 2 / pi * (theta + sine * sum);
  }
  double sum = 0, term = 1;
  for (int i = 1; i <= nu / 2; ++i) {
    sum += term;
    term *= cosine * cosine * (2.0 * i - 1) / (2.0 * i);
  }
  return sine * sum;
}

/// The paper's own form (Corollary C.10): x Γ((ν+1)/2)/(√(πν)Γ(ν/2))·₂F₁(½, (ν+1)/2; 3/2; −x²/ν), as a series: |x| <
/// √ν.
double hypergeometric(double nu, double x) {
  const double z = -x * x / nu;
  double sum = 0, term = 1;
  for (int n = 0; n < 2000 && std::abs(term) > 1e-18 * std::abs(sum); ++n) {
    sum += term;
    term *= (0.5 + n) * (0.5 * (nu + 1) + n) / (1.5 + n) / (n + 1) * z;
  }
  return x * std::exp(std::lgamma(0.5 * (nu + 1)) - std::lgamma(0.5 * nu)) / std::sqrt(pi * nu) * sum;
}

/// 2∫₀ˣ density, in long double.
double integrated(double nu, double x) {
  using Real = long double;
  const Real n = nu;
  const Real scale =
      std::exp(std::lgamma(Real(0.5) * (n + 1)) - std::lgamma(Real(0.5) * n)) / std::sqrt(std::numbers::pi_v<Real> * n);
  boost::math::quadrature::tanh_sinh<Real> integrate;
  const auto density = [&](Real t) { return scale * std::exp(-Real(0.5) * (n + 1) * std::log1p(t * t / n)); };
  return static_cast<double>(2 * integrate.integrate(density, Real(0), static_cast<Real>(x)));
}

TEST(SignMean, MatchesElementaryForms) {
  for (int nu = 1; nu <= 12; ++nu) {
    for (double x = 1e-8; x < 1e8; x *= 3.7) {
      SCOPED_TRACE(testing::Message() << "nu " << nu << " x " << x);
      EXPECT_NEAR(sign_mean(nu, x), elementary(nu, x), 4e-16);
      EXPECT_EQ(sign_mean(nu, -x), -sign_mean(nu, x));
    }
  }
  for (double x = 1e-8; x < 8; x *= 1.9) EXPECT_DOUBLE_EQ(sign_mean(infinity, x), std::erf(x / std::numbers::sqrt2));
}

TEST(SignMean, MatchesThePapersHypergeometricSeries) {
  for (const double nu : {0.3, 1.0, 1.7, 2.5, 3.0, 8.0}) {  // beyond, the alternating series cancels away
    for (const double part : {1e-6, 0.01, 0.2, 0.5, 0.8}) {
      const double x = part * std::sqrt(nu);
      EXPECT_NEAR(xi(nu, x), hypergeometric(nu, x), 1e-14 * (1 + nu)) << "nu " << nu << " x " << x;
    }
  }
}

TEST(SignMean, MatchesIntegratedDensity) {
  for (const double nu : {0.1, 0.5, 1.3, 2.5, 7.7, 31.0, 200.0}) {
    for (const double x : {0.01, 0.3, 1.0, 2.2, 5.0, 30.0}) {
      EXPECT_NEAR(sign_mean(nu, x), integrated(nu, x), 1e-13) << "nu " << nu << " x " << x;
    }
  }
}

TEST(SignMean, KeepsTheTailsRelativeAccuracy) {
  for (const double x : {1e3, 1e10, 1e100, 1e200}) {  // Cauchy: (2/π)atan(1/x)
    EXPECT_NEAR(sign_mean_tail(1, x) * x * pi / 2, std::atan(1 / x) * x, 1e-12);
  }
  EXPECT_NEAR(sign_mean_tail(infinity, 10.0) / std::erfc(10 / std::numbers::sqrt2), 1, 1e-12);
  for (const double nu :
       {0.01, 0.5, 3.0}) {  // a power law: P(|T| > 10x) / P(|T| > x) → 10^−ν, across the switch of formulas too
    for (const double x : {1e149, 1e150 * std::sqrt(nu) * 0.5, 1e200}) {
      const double ratio = sign_mean_tail(nu, 10 * x) / sign_mean_tail(nu, x);
      if (sign_mean_tail(nu, 10 * x) > 1e-290) {
        EXPECT_NEAR(ratio / std::pow(10, -nu), 1, 1e-11) << "nu " << nu << " x " << x;
      }
    }
  }
}

TEST(SignMean, TakesTheLimitsOfNuAndX) {
  for (const double x : {0.1, 1.0, 3.0}) {
    for (const double nu : {1e8, 1e12, 1e15, 1e17, 1e300}) {
      EXPECT_NEAR(sign_mean(nu, x), std::erf(x / std::numbers::sqrt2), 1 / nu + 1e-14) << "nu " << nu;
    }
  }
  for (const double nu : {1e-3, 0.5, 1.0, 2.0, 5.5, 1e6, infinity}) {
    EXPECT_EQ(sign_mean(nu, infinity), 1);
    EXPECT_EQ(sign_mean(nu, -infinity), -1);
    EXPECT_EQ(sign_mean(nu, 0.0), 0);
    EXPECT_TRUE(std::isnan(sign_mean(nu, std::nan(""))));
    EXPECT_NEAR(sign_mean(nu, 1e-200) / 1e-200, sign_mean_slope(nu, 0), 1e-12 * sign_mean_slope(nu, 0)) << nu;
  }
}

TEST(SignMean, RefusesWhatIsNoTailIndex) {
  for (const double nu : {0.0, -1.0, -infinity, std::nan("")}) EXPECT_THROW(sign_mean(nu, 1.0), Error) << nu;
}

TEST(StudentConstants, KnowsThePapersLimits) {  // footnote 5
  EXPECT_DOUBLE_EQ(student_constants(1).ell, 2 / pi);
  EXPECT_DOUBLE_EQ(student_constants(2).ell, 1 / std::numbers::sqrt2);
  EXPECT_DOUBLE_EQ(student_constants(infinity).ell, std::sqrt(2 / pi));
  double before = 0;  // fatter tails, smaller ℓ_ν
  for (const double nu : {0.01, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 8.0, 64.0, 1e9, infinity}) {
    const double ell = student_constants(nu).ell;
    EXPECT_GT(ell, before) << nu;
    before = ell;
  }
}

TEST(StudentConstants, MeetsItsDefinitions) {
  for (const double nu : {0.02, 0.3, 1.0, 1.5, 2.0, 2.5, 3.0, 8.0, 64.0, 1e5, 1e17, infinity}) {
    for (const double tolerance : {1e-4, 0.01, 0.05}) {
      SCOPED_TRACE(testing::Message() << "nu " << nu << " tolerance " << tolerance);
      const auto c = student_constants(nu, tolerance);
      EXPECT_NEAR(sign_mean_tail(nu, c.psi) / tolerance, 1, 1e-10);
      ASSERT_GT(c.psi, 1);
      // ℓ_ν is the derivative at 0: 2Ξ is odd, so the symmetric quotient's error is O(h²).
      const double h = 1e-5 * std::min(1.0, std::sqrt(nu));
      EXPECT_NEAR(sign_mean(nu, h) / h / c.ell, 1, 1e-9);
      // The secant meets the graph at both ends; the tangent touches it.
      EXPECT_NEAR(c.slope + c.intercept1, sign_mean(nu, 1), 1e-14);
      EXPECT_NEAR(c.slope * c.psi + c.intercept1, sign_mean(nu, c.psi), 1e-12);
      EXPECT_LE(0, c.intercept1);
      EXPECT_LT(c.intercept1, c.intercept2);  // concavity: the maximum of the two is always the tangent's
      double touch = infinity;
      const double growth = std::pow(c.psi, 1.0 / 4000);
      for (double x = 1; x <= c.psi; x *= growth) {
        const double value = sign_mean(nu, x);
        EXPECT_LE(c.slope * x + c.intercept1, value + 1e-12) << x;  // (111)
        EXPECT_GE(c.slope * x + c.intercept2, value - 1e-12) << x;
        touch = std::min(touch, c.slope * x + c.intercept2 - value);
      }
      // Beside the touching point x* the gap is ½|2Ξ''|(x − x*)², the grid's (x − x*) at most ½(growth − 1)x*.
      EXPECT_LT(touch, 0.125 * (nu > 1e4 ? 25 : nu + 1) * (growth - 1) * (growth - 1));
    }
  }
}

TEST(StudentConstants, SurvivesAnAstronomicPsi) {
  const auto c = student_constants(1e-4, 0.5);  // ψ = 0.5^(−10000) or so
  EXPECT_EQ(c.psi, infinity);
  EXPECT_EQ(c.slope, 0);
  EXPECT_EQ(c.intercept2, 1);
  EXPECT_EQ(c.intercept1, c.at_one);
}

TEST(StudentConstants, RefusesPsiBelowOne) {
  EXPECT_THROW(student_constants(infinity, 0.4), Error);  // 1 − 2Ξ_∞(1) = 0.317
  EXPECT_NO_THROW(student_constants(1, 0.4));             // 1 − 2Ξ_1(1) = 0.5
  EXPECT_THROW(student_constants(3, 0), Error);
  EXPECT_THROW(student_constants(0, 0.01), Error);
}

TEST(StudentVariance, IsNuOverNuMinusTwo) {
  EXPECT_DOUBLE_EQ(student_variance(3), 3);
  EXPECT_EQ(student_variance(2), infinity);
  EXPECT_EQ(student_variance(0.5), infinity);
  EXPECT_EQ(student_variance(infinity), 1);
}

TEST(SignResponse, MatchesSignMeanEverywhere) {
  Sequence random({7, Purpose::test, 0, 0});
  for (const double nu : {0.01, 0.05, 0.3,  0.7,  1.0,  1.5,   2.0, 2.5,  3.0,  5.0,
                          8.0,  30.0, 63.9, 64.0, 64.1, 200.0, 1e6, 1e12, 1e17, infinity}) {
    const SignResponse response(nu);
    double worst = 0;
    for (int i = 0; i < 20000; ++i) {
      // Sizes from 1e-12 to 1e6 and, densely, the table's range.
      const double size = i % 2 ? std::exp(std::log(1e18) * random.uniform()) * 1e-12
                                : 20 * random.uniform() * std::min(1.0, std::sqrt(nu));
      worst = std::max(worst, std::abs(response(size) - sign_mean(nu, size)));
      ASSERT_EQ(response(-size), -response(size));
    }
    EXPECT_LT(worst, 1e-13) << "nu " << nu;
    EXPECT_EQ(response(0.0), 0);
    EXPECT_EQ(response(infinity), 1);
    EXPECT_EQ(response(-infinity), -1);
    EXPECT_EQ(response(1e300), sign_mean(nu, 1e300));
    EXPECT_TRUE(std::isnan(response(std::nan(""))));
    const double edge = 16 * std::min(1.0, std::sqrt(nu));  // where the table ends
    for (const double x : {std::nextafter(edge, 0), edge, std::nextafter(edge, 100)})
      EXPECT_NEAR(response(x), sign_mean(nu, x), 1e-13);
  }
}

}  // namespace
}  // namespace tersegrad
