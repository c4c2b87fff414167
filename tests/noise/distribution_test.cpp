// The law of one coordinate, member by member: Kolmogorov–Smirnov, tails, moments.
#include <gtest/gtest.h>

#include <boost/math/distributions/fisher_f.hpp>
#include <limits>
#include <numbers>
#include <sstream>

#include "noise/statistics.hpp"

namespace tersegrad::testing {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const std::vector<double> indices = {1, 2, 2.5, 3, 8, 64, infinity};

std::string student_spec(double nu, const std::string& family = "student") {
  std::ostringstream spec;
  spec << family << ":" << nu << ":1";
  return spec.str();
}

/// Draws whose formula the caller chooses, from the same kind of words: deliberately wrong samplers.
template <class Formula>
std::vector<float> draw_with(std::size_t count, const Formula& formula) {
  Sequence random({.seed = 99});
  std::vector<float> values(count);
  for (float& value : values) {
    const double u = random.uniform();
    value = static_cast<float>(formula(u, random.uniform()));
  }
  return values;
}

TEST(KolmogorovSmirnov, RefusesWrongSamplers) {
  const std::size_t n = 1 << 20;
  const auto distance = [&](double nu, const auto& formula) {
    return kolmogorov_smirnov(draw_with(n, formula), [&](double p) { return student_quantile(nu, p); });
  };
  const double limit = kolmogorov_smirnov_limit();
  const auto bailey = [](double nu, double u, double v) {
    return std::sqrt(nu * (std::pow(u, -2 / nu) - 1)) * std::cos(2 * std::numbers::pi * v);
  };
  // Right, so that what follows is not refused for another reason.
  EXPECT_LT(distance(3, [&](double u, double v) { return bailey(3, u, v); }), limit);
  // A forgotten 2 in the exponent; 3.3 degrees of freedom; a scale 2 % off; the variance taken for the scale.
  EXPECT_GT(distance(3, [&](double u, double v) {
    return std::sqrt(3 * (std::pow(u, -1.0 / 3) - 1)) * std::cos(2 * std::numbers::pi * v);
  }), limit);
  EXPECT_GT(distance(3, [&](double u, double v) { return bailey(3.3, u, v); }), limit);
  EXPECT_GT(distance(3, [&](double u, double v) { return 1.02 * bailey(3, u, v); }), limit);
  EXPECT_GT(distance(3, [&](double u, double v) { return bailey(3, u, v) / std::sqrt(3); }), limit);
  // Not centred.
  EXPECT_GT(distance(infinity, [&](double u, double v) { return bailey(1e9, u, v) + 0.02; }), limit);
}

TEST(Binomial, RefusesAWrongShare) {
  EXPECT_GT(binomial_p_value(1000, 1000000, 1e-3), 0.5);
  EXPECT_LT(binomial_p_value(1200, 1000000, 1e-3), false_alarm);
  EXPECT_LT(binomial_p_value(800, 1000000, 1e-3), false_alarm);
  EXPECT_LT(binomial_p_value(0, 1000000, 1e-4), false_alarm);
}

TEST(Student, HasItsDistribution) {
  const std::size_t n = 1 << 20;
  for (const double nu : indices) {
    for (const std::string family : {"student", "joint-student"}) {
      // A joint law's coordinates are not independent: one coordinate a step.
      std::vector<float> values;
      const auto noise = make_noise(student_spec(nu, family));
      if (family == "student") {
        values = draw(*noise, n, {.seed = 11});
      } else {
        for (std::size_t step = 0; step < n / 8; ++step) {
          values.push_back(draw(*noise, 4, {.seed = 11, .step = step})[1]);
        }
      }
      const double distance = kolmogorov_smirnov(values, [&](double p) { return student_quantile(nu, p); });
      EXPECT_LT(distance, kolmogorov_smirnov_limit()) << noise->name() << " n " << values.size();
    }
  }
}

TEST(Gaussian, HasItsDistribution) {
  const auto values = draw(*make_noise("gaussian:1"), 1 << 20, {.seed = 12});
  const double distance = kolmogorov_smirnov(values, [](double p) { return student_quantile(infinity, p); });
  EXPECT_LT(distance, kolmogorov_smirnov_limit());
}

TEST(Student, HasItsDistributionBelowOneDegreeOfFreedomAndFarAboveIt) {
  for (const double nu : {0.3, 0.7, 1e3, 1e7}) {
    const auto values = draw(*make_noise(student_spec(nu)), 1 << 20, {.seed = 13});
    const double distance = kolmogorov_smirnov(values, [&](double p) { return student_quantile(nu, p); });
    EXPECT_LT(distance, kolmogorov_smirnov_limit()) << nu;
  }
}

TEST(Student, HasItsTails) {
  const std::size_t n = 1 << 22;
  for (const double nu : indices) {
    const auto values = draw(*make_noise(student_spec(nu)), n, {.seed = 14});
    for (const double p : {1e-2, 1e-3, 1e-4, 1e-5}) {
      const double far = student_upper_quantile(nu, p);
      std::size_t above = 0, below = 0, near = 0;
      const double close = student_upper_quantile(nu, 0.5 - p);
      for (const float value : values) {
        above += value > far;
        below += value < -far;
        near += std::abs(value) < close;
      }
      EXPECT_GT(binomial_p_value(above, n, p), false_alarm) << "nu " << nu << " p " << p << " count " << above;
      EXPECT_GT(binomial_p_value(below, n, p), false_alarm) << "nu " << nu << " p " << p << " count " << below;
      // The middle is a tail too: small radii come from U near 1, where a careless logarithm loses digits.
      EXPECT_GT(binomial_p_value(near, n, 2 * p), false_alarm) << "nu " << nu << " p " << p << " count " << near;
    }
  }
}

TEST(Student, HasItsMomentsWhereTheyExist) {
  const std::size_t n = 1 << 22;
  const auto root_n = std::sqrt(static_cast<double>(n));
  for (const double nu : {3.0, 8.0, 64.0, infinity}) {
    const auto values = draw(*make_noise(student_spec(nu)), n, {.seed = 15});
    double sum = 0, squares = 0, fourths = 0;
    for (const double value : values) {
      sum += value;
      squares += value * value;
      fourths += value * value * value * value;
    }
    const auto count = static_cast<double>(n);
    // E t² = ν/(ν − 2), E t⁴ = 3ν²/((ν − 2)(ν − 4)), E t⁶ and E t⁸ likewise.
    const auto moment = [&](int k) {  // E t^(2k) = Π ν(2i − 1)/(ν − 2i)
      double product = 1;
      for (int i = 1; i <= k; ++i) product *= (2 * i - 1) * (std::isinf(nu) ? 1 : nu / (nu - 2 * i));
      return product;
    };
    EXPECT_NEAR(sum / count, 0, z * std::sqrt(moment(1)) / root_n) << nu;
    if (nu > 4) {
      EXPECT_NEAR(squares / count, moment(1), z * std::sqrt(moment(2) - moment(1) * moment(1)) / root_n) << nu;
    }
    if (nu > 8) {
      EXPECT_NEAR(fourths / count, moment(2), z * std::sqrt(moment(4) - moment(2) * moment(2)) / root_n) << nu;
    }
  }
}

TEST(JointStudent, HasTheMultivariateLaw) {
  // ‖Z‖²/d of d coordinates is F(d, ν)-distributed; independent t coordinates are not.
  const std::size_t n = 1 << 16;
  for (const double nu : {0.5, 1.0, 2.5, 8.0}) {
    const auto distance = [&](const std::string& family) {
      const auto noise = make_noise(student_spec(nu, family));
      std::vector<double> radii;
      for (std::size_t step = 0; step < n; ++step) {
        double sum = 0;
        for (const double value : draw(*noise, 4, {.seed = 16, .step = step})) sum += value * value;
        radii.push_back(sum / 4);
      }
      const boost::math::fisher_f law(4, nu);
      return kolmogorov_smirnov(radii, [&](double p) { return boost::math::quantile(law, p); });
    };
    EXPECT_LT(distance("joint-student"), kolmogorov_smirnov_limit()) << nu;
    EXPECT_GT(distance("student"), kolmogorov_smirnov_limit()) << nu;
  }
}

}  // namespace
}  // namespace tersegrad::testing
