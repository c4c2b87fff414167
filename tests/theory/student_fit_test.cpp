// Maximum-likelihood fits of Student's t: recovery, coverage of the stated intervals, invariance, refusals.
#include "tersegrad/theory/student_fit.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/student_constants.hpp"
#include "theory/student_samples.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(StudentFit, RecoversTailAndScaleOfALargeSample) {
  for (const double nu : {1.0, 2.5, 5.0}) {
    const auto fit = fit_student(student_sample(nu, 0.03, 20000, 1), 0.999999);
    EXPECT_LE(fit.tail.nu_low, nu);
    EXPECT_GE(fit.tail.nu_high, nu);
    EXPECT_LT(fit.tail.nu_high - fit.tail.nu_low, nu);  // the interval says something
    EXPECT_NEAR(fit.sigma, 0.03, 4.9 * fit.sigma_error);
    EXPECT_LT(fit.sigma_error, 0.03 * 0.03);
  }
  const auto gaussian = fit_student(student_sample(infinity, 0.03, 20000, 1), 0.999999);
  EXPECT_EQ(gaussian.tail.nu_high, infinity);
  EXPECT_GT(gaussian.tail.nu_low, 20);
  EXPECT_NEAR(gaussian.sigma, 0.03, 4.9 * gaussian.sigma_error);
}

TEST(StudentFit, IntervalsCoverAsOftenAsTheySay) {
  // Binomial error of the share of covering intervals at z = 4. The end point ν = ∞ is covered with 97.5 %.
  constexpr int samples = 200;
  for (const double nu : {2.5, 5.0, infinity}) {
    int tail = 0, scale = 0;
    for (int s = 0; s < samples; ++s) {
      const auto fit = fit_student(student_sample(nu, 2.0, 1000, 100 + static_cast<std::uint64_t>(s)));
      tail += fit.tail.nu_low <= nu && nu <= fit.tail.nu_high;
      scale += std::abs(fit.sigma - 2.0) <= 1.96 * fit.sigma_error;
    }
    const double expected = std::isinf(nu) ? 0.975 : 0.95;
    EXPECT_NEAR(tail / double{samples}, expected, share_tolerance(expected, samples, 4)) << "nu " << nu;
    // At the end point σ's error is stated for an interior ν: too wide, never too narrow.
    EXPECT_GE(scale / double{samples}, 0.95 - share_tolerance(0.95, samples, 4)) << "nu " << nu;
    if (!std::isinf(nu)) {
      EXPECT_LE(scale / double{samples}, 0.95 + share_tolerance(0.95, samples, 4)) << "nu " << nu;
    }
  }
}

TEST(StudentFit, IsTheMaximumOfTheLikelihood) {
  const auto sample = student_sample(3, 1, 400, 5);
  const auto log_likelihood = [&](double nu, double sigma) {
    double sum = 0;
    for (const double x : sample) sum += std::log(0.5 * sign_mean_slope(nu, x / sigma) / sigma);
    return sum;
  };
  const auto fit = fit_student(sample);
  const double highest = log_likelihood(fit.tail.nu, fit.sigma);
  EXPECT_NEAR(fit.log_likelihood, highest, 1e-6);
  for (const double factor : {0.9, 0.99, 1.01, 1.1}) {
    EXPECT_LT(log_likelihood(fit.tail.nu * factor, fit.sigma), highest);
    EXPECT_LT(log_likelihood(fit.tail.nu, fit.sigma * factor), highest);
  }
}

TEST(StudentFit, FollowsTheUnitOfTheSample) {
  const auto sample = student_sample(4, 1, 500, 6);
  const auto fit = fit_student(sample);
  for (const double unit : {1e-30, 0.125, 1e30}) {
    auto scaled = sample;
    for (double& x : scaled) x *= unit;
    const auto other = fit_student(scaled);
    EXPECT_NEAR(other.tail.nu, fit.tail.nu, 1e-6 * fit.tail.nu);
    EXPECT_NEAR(other.sigma, unit * fit.sigma, 1e-6 * unit * fit.sigma);
    EXPECT_NEAR(other.sigma_error, unit * fit.sigma_error, 1e-6 * unit * fit.sigma_error);
  }
}

TEST(StudentFit, LighterThanGaussianIsGaussian) {
  std::vector<double> uniform;
  for (int i = 0; i < 1000; ++i) uniform.push_back((i + 0.5) / 500 - 1);
  const auto fit = fit_student(uniform);
  EXPECT_EQ(fit.tail.nu, infinity);
  EXPECT_EQ(fit.tail.nu_high, infinity);
  EXPECT_NEAR(fit.sigma, std::sqrt(1 / 3.0), 1e-3);
}

void expect_refused(const std::vector<double>& sample, const std::string& text, double level = 0.95) {
  try {
    fit_student(sample, level);
    ADD_FAILURE() << "accepted: " << text;
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find(text), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(StudentFit, RefusesWhatNoContinuousLawMakes) {
  expect_refused({1, 2, 3}, "3 values (needs at least 8)");
  expect_refused(std::vector<double>(20, 3.0), "all 20 values are '3'");
  expect_refused(std::vector<double>(20, 0.0), "20 of 20 values are 0");
  auto sample = student_sample(3, 1, 20, 1);
  sample[3] = sample[4] = 0;
  expect_refused(sample, "2 of 20 values are 0");
  sample[3] = infinity;
  expect_refused(sample, "holds 'inf'");
  sample[3] = std::numeric_limits<double>::quiet_NaN();
  expect_refused(sample, "nan'");
  expect_refused(student_sample(3, 1, 20, 1), "level is '1'", 1);
}

}  // namespace
}  // namespace tersegrad
