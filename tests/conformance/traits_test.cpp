// What a compressor declares about its error, by simulation.
#include "conformance/conformance.hpp"

namespace tersegrad::testing {
namespace {

class DeclaredTraits : public Conformance {};

/// The mean of C(v) over `draws` steps, and of the squared error, with standard errors.
struct Moments {
  std::vector<double> mean, se;
  double error = 0, error_se = 0;
};

Moments moments(const Compressor& compressor, const std::vector<float>& v, int draws) {
  std::vector<double> sum(v.size()), sum2(v.size());
  double error_sum = 0, error_sum2 = 0;
  for (int s = 0; s < draws; ++s) {
    const auto c = round_trip(compressor, {v}, static_cast<std::uint64_t>(s), static_cast<std::int64_t>(v.size())).mean;
    double error = 0;
    for (std::size_t j = 0; j < v.size(); ++j) {
      sum[j] += double(c[j]);
      sum2[j] += double(c[j]) * double(c[j]);
      error += (double(c[j]) - double(v[j])) * (double(c[j]) - double(v[j]));
    }
    error_sum += error;
    error_sum2 += error * error;
  }
  const double n = draws;
  Moments out;
  for (std::size_t j = 0; j < v.size(); ++j) {
    out.mean.push_back(sum[j] / n);
    out.se.push_back(std::sqrt(std::max(0.0, sum2[j] / n - sum[j] / n * sum[j] / n) / n));
  }
  out.error = error_sum / n;
  out.error_se = std::sqrt(std::max(0.0, error_sum2 / n - out.error * out.error) / n);
  return out;
}

TEST_P(DeclaredTraits, DeclaredTraitsHold) {
  // Unbiased: the mean over S steps of C(v)_j is v_j within z standard errors, and E‖C(v) − v‖² ≤ ω‖v‖² within z of
  // that mean's. Contractive: E‖C(v) − v‖² ≤ (1 − δ)‖v‖². Three shapes of v: none has coordinates so small that
  // their events are too rare for a standard error from the sample.
  const int dim = 40, draws = 4000;
  const double z = 5.7;  // 121 comparisons at 1e-6 / 121 each
  const auto compressor = make(GetParam(), dim, 1);
  const Traits traits = compressor->traits();
  if (traits.kind == Traits::Kind::biased) GTEST_SKIP() << GetParam() << " declares no constant";
  auto normal = normal_vector(dim, 4);
  for (float& x : normal) x += x > 0 ? 0.2f : -0.2f;
  std::vector<float> spike(dim, 0.3f), flat(dim, -0.7f);
  spike[11] = 2;
  for (const auto& v : {normal, spike, flat}) {
    double norm2 = 0;
    for (const float x : v) norm2 += double(x) * double(x);
    const auto found = moments(*compressor, v, draws);
    // A wire that rounds: what comes is r_j = C_j(1 + e_j), |e_j| ≤ u. C_j has v_j's sign, so |E r_j − v_j| ≤ u|v_j|; and by
    // Minkowski's inequality E‖r − v‖² ≤ (√ω + u√(1 + ω))²‖v‖². A contractive one's constant is that after rounding.
    const double u = traits.wire_roundoff, omega = traits.constant;
    const double bound = traits.kind == Traits::Kind::contractive ? 1 - traits.constant
                                                                  : std::pow(std::sqrt(omega) + u * std::sqrt(1 + omega), 2);
    EXPECT_LE(found.error, bound * norm2 + z * found.error_se + 1e-5 * norm2);
    if (traits.kind == Traits::Kind::contractive) continue;
    for (std::size_t j = 0; j < v.size(); ++j) {
      EXPECT_NEAR(found.mean[j], double(v[j]), z * found.se[j] + 1e-6 + u * std::abs(double(v[j]))) << "coordinate " << j;
    }
  }
}

TEST_P(DeclaredTraits, TheFeedbackScaleMakesItContractive) {
  const int dim = 40;
  const auto compressor = make(GetParam(), dim, 1);
  const double a = compressor->traits().feedback_scale();
  if (a == 0) {
    EXPECT_EQ(compressor->traits().kind, Traits::Kind::biased);
    EXPECT_THROW(make("ef:" + GetParam(), dim, 1), Error);
    EXPECT_THROW(make("ef21:" + GetParam(), dim, 1), Error);
    return;
  }
  const auto v = normal_vector(dim, 8);
  double norm2 = 0, error = 0;
  for (const float x : v) norm2 += double(x) * double(x);
  const int draws = 1000;
  for (std::uint64_t s = 0; s < draws; ++s) {
    const auto own = round_trip(*compressor, {v}, s, dim).own[0];
    for (std::size_t j = 0; j < v.size(); ++j) error += std::pow(double(v[j]) - a * double(own[j]), 2) / draws;
  }
  EXPECT_LT(error, norm2);
  EXPECT_NO_THROW(make("ef:" + GetParam(), dim, 1));
}

INSTANTIATE_TEST_SUITE_P(Registry, DeclaredTraits, ::testing::ValuesIn(tested_specs()), test_name);

}  // namespace
}  // namespace tersegrad::testing
