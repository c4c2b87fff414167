// Majority vote, scaled sign and Signum against plain simulations.
#include <gtest/gtest.h>

#include <cmath>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;
using testing::round_trip;
using testing::Session;
using Vectors = std::vector<std::vector<float>>;

std::unique_ptr<Compressor> make(const std::string& spec, const Layout& layout, std::uint32_t agents,
                                 std::uint64_t seed = 1) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{layout, seed, agents});
}

int sign(float x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

int vote(const Vectors& gradients, std::size_t j) {
  int sum = 0;
  for (const auto& g : gradients) sum += sign(g[j]);
  return sum;
}

TEST(Majority, IsTheSignOfTheVotesAndTiesFollowTheRule) {
  const std::int64_t dim = 777;
  for (const std::uint32_t agents : {1u, 2u, 3u, 4u, 7u, 16u, 33u}) {
    for (const bool zeros : {false, true}) {
      Vectors gradients;
      for (std::uint32_t a = 0; a < agents; ++a) {
        gradients.push_back(normal_vector(777, 100 + a));
        for (std::size_t j = a % 5; zeros && j < 777; j += 2 + a % 4) gradients.back()[j] = 0;
      }
      for (const std::string tie : {"random", "plus", "minus", "zero"}) {
        const auto step = round_trip(*make("majority:" + tie, {dim, 1}, agents), gradients, 0, dim);
        for (std::size_t j = 0; j < 777; ++j) {
          const int sum = vote(gradients, j);
          bool all_zero = true;
          for (const auto& g : gradients) all_zero &= g[j] == 0;
          const float m = step.mean[j];
          if (sum != 0) {
            ASSERT_EQ(m, sum > 0 ? 1.0f : -1.0f) << agents << " agents, " << tie << ", coordinate " << j;
          } else if (all_zero || tie == "zero") {
            ASSERT_EQ(m, 0.0f);
          } else {
            ASSERT_EQ(std::abs(m), 1.0f);
            if (tie != "random") {
              ASSERT_EQ(m, tie == "plus" ? 1.0f : -1.0f);
            }
          }
        }
        if (!zeros && tie != "zero") {
          EXPECT_EQ(step.downlink, 98u);  // 1 bit a coordinate, each way
          EXPECT_EQ(step.uplink[0], 98u);
        }
      }
    }
  }
}

TEST(Majority, RandomTiesAreFairCoinsByCoordinateAndStep) {
  const std::size_t n = 100000;
  const Vectors tied = {std::vector<float>(n, 1.0f), std::vector<float>(n, -1.0f)};
  const auto compressor = make("majority", {static_cast<std::int64_t>(n), 1}, 2);
  const auto step = round_trip(*compressor, tied, 5, static_cast<std::int64_t>(n));
  double sum = 0, pairs = 0;
  for (std::size_t j = 0; j < n; ++j) {
    sum += double(step.mean[j]);
    if (j > 0) pairs += double(step.mean[j] * step.mean[j - 1]);
  }
  EXPECT_NEAR(sum / double(n), 0, 5 / std::sqrt(double(n)));    // z = 5, variance 1
  EXPECT_NEAR(pairs / double(n), 0, 5 / std::sqrt(double(n)));  // neighbours are independent
  EXPECT_EQ(round_trip(*compressor, tied, 5, 1280).mean, step.mean);
  EXPECT_NE(round_trip(*compressor, tied, 6, static_cast<std::int64_t>(n)).mean, step.mean);
}

TEST(Majority, DeadUnitsStayZeroForAFewHundredthsOfABit) {
  Vectors gradients = {normal_vector(8192, 1), normal_vector(8192, 2)};
  for (auto& g : gradients) std::fill(g.begin() + 1024, g.begin() + 3072, 0.0f);
  const auto step = round_trip(*make("majority", {8192, 1}, 2), gradients, 0, 8192);
  for (std::size_t j = 1024; j < 3072; ++j) ASSERT_EQ(step.mean[j], 0.0f);
  EXPECT_EQ(step.downlink, 1024u + 16 + 4);  // the plane; 128 words present or not, 32 of them full
}

TEST(Majority, InfinityVotesItsSignAndNanVotesZero) {
  const std::vector<float> g = {INFINITY, -INFINITY, std::nanf(""), 1e-45f, -1e-45f, 0.0f, -0.0f};
  EXPECT_EQ(round_trip(*make("majority", {7, 1}, 1), {g}, 0, 7).mean, (std::vector<float>{1, -1, 0, 1, -1, 0, 0}));
}

TEST(ScaledSign, IsTheMeanMagnitudeTimesTheSign) {
  for (const Layout layout : {Layout{1000, 1}, Layout{5, 200}}) {
    const auto n = static_cast<std::size_t>(layout.total());
    auto g = normal_vector(n, 1);
    for (std::size_t j = 0; j < n; j += 9) g[j] = 0;
    const auto step = round_trip(*make("scaled-sign", layout, 1), {g}, 0, 256);
    for (std::size_t j = 0; j < n; ++j) {
      const std::size_t first = j / static_cast<std::size_t>(layout.dim) * static_cast<std::size_t>(layout.dim);
      double sum = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(layout.dim); ++i) sum += std::abs(double(g[first + i]));
      EXPECT_NEAR(step.mean[j], sum / double(layout.dim) * sign(g[j]), 1e-6 * sum / double(layout.dim));
    }
  }
}

TEST(ScaledSign, BytesAreOneBitAndAScaleUpAndTheSmallerOfBothDown) {
  for (const std::uint32_t agents : {1u, 4u, 30u, 64u}) {
    Vectors gradients;
    for (std::uint32_t a = 0; a < agents; ++a) gradients.push_back(normal_vector(4096, a + 1));
    const auto step = round_trip(*make("scaled-sign", {4096, 1}, agents), gradients, 0, 4096);
    EXPECT_EQ(step.uplink[0], 4u + 512);
    EXPECT_EQ(step.downlink, std::min<std::size_t>(agents * (16 + 4 + 512), 4 * 4096)) << agents;
  }
}

TEST(ScaledSign, ANonfiniteCoordinateShowsInItsWholeReplicaOnly) {
  auto g = normal_vector(300, 1);
  g[120] = INFINITY;
  const auto step = round_trip(*make("scaled-sign", {100, 3}, 1), {g}, 0, 128);
  for (std::size_t j = 0; j < 300; ++j) EXPECT_EQ(std::isfinite(step.mean[j]), j < 100 || j >= 200) << j;
}

TEST(Signum, IsTheSignOfTheMovingAverage) {
  const std::size_t n = 500;
  for (const std::string spec : {"signum:0.75", "signum:0.75:majority", "signum:0.75:scaled-sign"}) {
    Session session(*make(spec, {500, 1}, 1), 1);
    std::vector<float> m(n, 0.0f);
    for (std::uint64_t s = 0; s < 5; ++s) {
      const auto g = normal_vector(n, 10 + s);
      for (std::size_t j = 0; j < n; ++j) m[j] = 0.75f * m[j] + 0.25f * g[j];
      const auto step = session.step({g}, s, 256);
      for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(sign(step.mean[j]), sign(m[j])) << spec << " step " << s;
    }
    const auto state = state_of(*session.encoders[0]);
    ASSERT_EQ(state.size(), 1u);
    EXPECT_EQ(state[0].name, "momentum");
    EXPECT_EQ(std::vector<float>(state[0].values.begin(), state[0].values.end()), m);
  }
}

TEST(Signum, NonfiniteVotesButIsNotRemembered) {
  Session session(*make("signum:0.5", {3, 1}, 1), 1);
  session.step({{1, 1, 1}}, 0, 3);
  EXPECT_EQ(session.step({{-INFINITY, std::nanf(""), -4}}, 1, 3).mean, (std::vector<float>{-1, 0, -1}));
  const auto momentum = state_of(*session.encoders[0])[0].values;
  EXPECT_EQ(std::vector<float>(momentum.begin(), momentum.end()), (std::vector<float>{0.5f, 0.5f, -1.75f}));
}

TEST(Signum, Spellings) {
  EXPECT_EQ(make("signum", {8, 1}, 1)->name(), "signum:0.9");
  EXPECT_EQ(make("signum:0.95:majority:plus", {8, 1}, 1)->name(), "signum:0.95:majority:tie=plus");
  for (const char* bad : {"signum:1", "signum:-0.1", "signum:0.9:topk:3", "signum:0.9:signum"}) {
    EXPECT_THROW(make(bad, {8, 1}, 1), Error) << bad;
  }
}

}  // namespace
}  // namespace tersegrad
