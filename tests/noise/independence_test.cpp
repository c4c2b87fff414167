// Independence between coordinates, blocks, agents, steps and seeds; of sizes too, which correlations of draws miss.
#include <gtest/gtest.h>

#include <limits>
#include <numbers>
#include <sstream>

#include "noise/statistics.hpp"

namespace tersegrad::testing {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::string spec(const std::string& family, double nu) {
  std::ostringstream text;
  text << family << ":" << nu << ":1";
  return text.str();
}

/// Two fair coins of each draw, for any ν: its sign, and whether its size exceeds the median size.
struct Coins {
  std::vector<int> signs, sizes;
};

Coins coins(double nu, const std::vector<float>& values) {
  const double median = student_upper_quantile(nu, 0.25);  // of |T|
  Coins of;
  for (const float value : values) {
    of.signs.push_back(value < 0 ? -1 : 1);
    of.sizes.push_back(std::abs(value) < median ? -1 : 1);
  }
  return of;
}

/// Every `stride`-th value from `begin`.
std::vector<int> every(const std::vector<int>& values, std::size_t begin, std::size_t stride, std::size_t count) {
  std::vector<int> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(values[begin + i * stride]);
  return some;
}

TEST(Independence, HelperSeesThatTheSineOfABaileyPairDependsOnItsCosine) {
  // The mistake that the signs, or the correlation of the draws themselves cannot see.
  const double nu = 3;
  const std::size_t n = 1 << 16;
  Sequence random({.seed = 5});
  std::vector<float> cosines, sines;
  for (std::size_t i = 0; i < n; ++i) {
    const double radius = std::sqrt(nu * (std::pow(random.uniform(), -2 / nu) - 1));
    const double angle = 2 * std::numbers::pi * random.uniform();
    cosines.push_back(static_cast<float>(radius * std::cos(angle)));
    sines.push_back(static_cast<float>(radius * std::sin(angle)));
  }
  const Coins a = coins(nu, cosines), b = coins(nu, sines);
  EXPECT_LT(std::abs(sign_correlation(a.signs, b.signs)), z);
  EXPECT_GT(std::abs(sign_correlation(a.sizes, b.sizes)), z);
}

TEST(Independence, BetweenCoordinates) {
  const std::size_t period = 64;  // two AVX-512 steps of the Gaussian kernel
  const std::size_t n = 1 << 15;
  for (const double nu : {1.0, 2.0, 2.5, 3.0, 8.0, 64.0, infinity}) {
    const Coins of = coins(nu, draw(*make_noise(spec("student", nu)), n * period, {.seed = 21}));
    for (const std::size_t a : {0u, 1u, 2u, 3u, 15u}) {
      for (std::size_t b = a + 1; b < period; b += b < 8 ? 1 : 7) {
        const auto correlation = [&](const std::vector<int>& values) {
          return sign_correlation(every(values, a, period, n), every(values, b, period, n));
        };
        EXPECT_LT(std::abs(correlation(of.signs)), z) << "nu " << nu << " coordinates " << a << ", " << b;
        EXPECT_LT(std::abs(correlation(of.sizes)), z) << "nu " << nu << " coordinates " << a << ", " << b;
      }
    }
  }
}

TEST(Independence, BetweenNeighboursWithALongSample) {
  const std::size_t n = 1 << 20;
  for (const double nu : {1.0, 3.0, infinity}) {
    const Coins of = coins(nu, draw(*make_noise(spec("student", nu)), 4 * n, {.seed = 22}));
    for (std::size_t a = 0; a < 4; ++a) {
      for (std::size_t b = a + 1; b < 4; ++b) {
        EXPECT_LT(std::abs(sign_correlation(every(of.sizes, a, 4, n), every(of.sizes, b, 4, n))), z) << nu << a << b;
        EXPECT_LT(std::abs(sign_correlation(every(of.signs, a, 4, n), every(of.signs, b, 4, n))), z);
      }
    }
  }
}

TEST(Independence, BetweenAgentsStepsSeedsAndPurposes) {
  const std::size_t n = 1 << 20;
  const StreamId base{.seed = 23, .purpose = Purpose::noise, .agent = 4, .step = 9};
  std::vector<StreamId> others(6, base);
  others[0].agent = 5;
  others[1].agent = 12;
  others[2].step = 10;
  others[3].step = 8;
  others[4].seed = 24;
  others[5].purpose = Purpose::sparsify;
  for (const double nu : {1.0, 3.0, infinity}) {
    const auto noise = make_noise(spec("student", nu));
    const Coins a = coins(nu, draw(*noise, n, base));
    for (const StreamId& id : others) {
      const Coins b = coins(nu, draw(*noise, n, id));
      EXPECT_LT(std::abs(sign_correlation(a.signs, b.signs)), z) << nu;
      EXPECT_LT(std::abs(sign_correlation(a.sizes, b.sizes)), z) << nu;
    }
  }
}

TEST(Independence, JointStudentSharesItsSizeWithinAReplicaOnly) {
  const double nu = 2;
  const std::size_t dim = 3, n = 1 << 14;
  const auto noise = make_noise(spec("joint-student", nu))->replicated(dim);
  EXPECT_FALSE(noise->has_independent_coordinates());
  const Coins of = coins(nu, draw(*noise, 2 * dim * n, {.seed = 25}));
  const auto correlation = [&](const std::vector<int>& values, std::size_t a, std::size_t b) {
    return sign_correlation(every(values, a, 2 * dim, n), every(values, b, 2 * dim, n));
  };
  EXPECT_GT(correlation(of.sizes, 0, 1), z);  // one replica
  EXPECT_GT(correlation(of.sizes, 1, 2), z);
  EXPECT_LT(std::abs(correlation(of.sizes, 2, 3)), z);  // neighbours in two replicas
  EXPECT_LT(std::abs(correlation(of.sizes, 0, 3)), z);
  for (std::size_t b = 1; b < 2 * dim; ++b) EXPECT_LT(std::abs(correlation(of.signs, 0, b)), z) << b;
}

}  // namespace
}  // namespace tersegrad::testing
