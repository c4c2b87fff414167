// Exact cases of single compressors, by hand or against a plain simulation.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/sparse/index_sets.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;
using testing::round_trip;

std::unique_ptr<Compressor> make(const std::string& spec, std::int64_t dim, std::uint32_t agents,
                                 std::uint64_t seed = 1) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, seed, agents});
}

float sign(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }

TEST(Sign, IsTheExactMeanOfSigns) {
  for (const std::uint32_t agents : {1u, 2u, 3u, 4u, 7u, 8u, 16u, 33u, 64u}) {
    for (const bool zeros : {false, true}) {
      const std::int64_t dim = 777;
      std::vector<std::vector<float>> gradients;
      for (std::uint32_t a = 0; a < agents; ++a) {
        gradients.push_back(normal_vector(777, 100 + a));
        if (zeros) {
          for (std::size_t j = a % 5; j < 777; j += 3 + a % 4) gradients.back()[j] = a % 2 ? -0.0f : 0.0f;
        }
      }
      const auto step = round_trip(*make("sign", dim, agents), gradients, 0, dim);
      for (std::size_t j = 0; j < 777; ++j) {
        int sum = 0;
        for (const auto& g : gradients) sum += static_cast<int>(sign(g[j]));
        const float scale = 1.0f / static_cast<float>(agents);
        ASSERT_EQ(step.mean[j], static_cast<float>(sum) * scale) << agents << " agents, coordinate " << j;
      }
      // Wire sizes of the design: 1 bit a coordinate up (2 where zeros are scattered), ⌈log2(N+1)⌉ or ⌈log2(2N+1)⌉
      // down.
      const std::size_t plane = (777 + 7) / 8;
      for (const auto bytes : step.uplink) EXPECT_EQ(bytes, zeros ? 2 * plane : plane);
      const auto values = zeros ? 2 * agents + 1 : agents + 1;
      EXPECT_EQ(step.downlink, plane * static_cast<std::size_t>(std::ceil(std::log2(double(values)))));
    }
  }
}

TEST(Sign, ZeroMaskOnlyInBucketsThatHaveZerosAndPackedWhereThatIsShorter) {
  auto g = normal_vector(4096, 3);
  g[2100] = 0;                                       // bucket 2: one mixed word of 16
  for (std::size_t j = 3072; j < 4096; j += 2) g[j] = 0;  // bucket 3: every word mixed
  const auto step = round_trip(*make("sign", 4096, 1), {g}, 0, 1024);
  ASSERT_EQ(step.headers.size(), 4u);
  const std::uint64_t plane = 128;
  EXPECT_EQ(step.headers[0].payload_bytes, plane);
  EXPECT_EQ(step.headers[1].payload_bytes, plane);
  EXPECT_EQ(step.headers[2].payload_bytes, plane + 2 + 1 + 8);  // 16 bits present, 1 bit full, one word
  EXPECT_EQ(step.headers[3].payload_bytes, 2 * plane);
  EXPECT_EQ(step.headers[0].flags, 0);
  EXPECT_EQ(step.headers[2].flags, flag_zeros | flag_packed);
  EXPECT_EQ(step.headers[3].flags, flag_zeros);
  for (std::size_t j = 0; j < 4096; ++j) EXPECT_EQ(step.mean[j], sign(g[j])) << j;
}

TEST(Sign, InfinityVotesItsSignAndNanVotesZero) {
  std::vector<float> g = {INFINITY, -INFINITY, std::nanf(""), -std::nanf(""), 1e-45f, -1e-45f, 0.0f, -0.0f};
  const auto step = round_trip(*make("sign", 8, 1), {g}, 0, 8);
  EXPECT_EQ(step.mean, (std::vector<float>{1, -1, 0, 0, 1, -1, 0, 0}));
  const auto plus = round_trip(*make("sign:plus", 8, 1), {g}, 0, 8);
  EXPECT_EQ(plus.mean, (std::vector<float>{1, -1, 1, 1, 1, -1, 1, 1}));
}

TEST(Sign, RandomZerosAreFairCoinsOfTheAgent) {
  const std::size_t n = 100000;
  const std::vector<float> zeros(n, 0.0f);
  const auto compressor = make("sign:random", static_cast<std::int64_t>(n), 2);
  const auto step = round_trip(*compressor, {zeros, zeros}, 5, static_cast<std::int64_t>(n));
  double sum = 0, agree = 0;
  for (const float m : step.mean) {
    ASSERT_TRUE(m == -1 || m == 0 || m == 1);
    sum += double(m);
    agree += m != 0;
  }
  // Two independent fair coins: mean 0 with variance ½ a coordinate, agreement ½. z = 5.
  EXPECT_NEAR(sum / double(n), 0, 5 * std::sqrt(0.5 / double(n)));
  EXPECT_NEAR(agree / double(n), 0.5, 5 * std::sqrt(0.25 / double(n)));
  for (const auto bytes : step.uplink) EXPECT_EQ(bytes, n / 8);
  // Other steps and other buckets: other coins, same coins.
  EXPECT_NE(round_trip(*compressor, {zeros, zeros}, 6, static_cast<std::int64_t>(n)).mean, step.mean);
  EXPECT_EQ(round_trip(*compressor, {zeros, zeros}, 5, 1280).mean, step.mean);
}

TEST(RandK, KeepsExactlyKScaledAndIndicesCostNothing) {
  const std::int64_t dim = 1000, k = 37;
  const auto g = normal_vector(1000, 1);
  const auto step = round_trip(*make("randk:37", dim, 1), {g}, 4, dim);
  std::int64_t kept = 0;
  for (std::size_t j = 0; j < 1000; ++j) {
    if (step.mean[j] == 0) continue;
    ++kept;
    EXPECT_FLOAT_EQ(step.mean[j], g[j] * 1000 / 37);
  }
  EXPECT_EQ(kept, k);
  EXPECT_EQ(step.uplink[0], 4u * 37);
  EXPECT_EQ(step.downlink, 4u * 37);
}

TEST(RandK, AggregateIsTheUnionInAgentOrder) {
  const std::int64_t dim = 500, k = 100;
  const std::uint32_t agents = 5;
  std::vector<std::vector<float>> gradients;
  std::vector<std::vector<std::uint32_t>> sets(agents);
  std::set<std::uint32_t> all;
  for (std::uint32_t a = 0; a < agents; ++a) {
    gradients.push_back(normal_vector(500, 20 + a));
    draw_indices({dim, 1}, k, 1, a, 8, sets[a]);
    all.insert(sets[a].begin(), sets[a].end());
  }
  const auto step = round_trip(*make("randk:100", dim, agents), gradients, 8, dim);
  EXPECT_EQ(step.downlink, 4 * all.size());
  std::vector<float> expected(500, 0.0f);
  for (std::uint32_t a = 0; a < agents; ++a) {
    for (const auto j : sets[a]) expected[j] += gradients[a][j];
  }
  const float scale = static_cast<float>(500.0 / 100 / 5);
  for (auto& x : expected) x *= scale;
  EXPECT_EQ(step.mean, expected);
}

TEST(RandK, FractionsAndCounts) {
  EXPECT_EQ(make("randk:0.01", 1060138, 1)->name(), "randk:10601");
  EXPECT_EQ(make("randk:1000", 1060138, 1)->name(), "randk:1000");
  EXPECT_EQ(make("randk:1.0", 100, 1)->name(), "randk:100");
  EXPECT_EQ(make("randk:1e-9", 100, 1)->name(), "randk:1");
  EXPECT_DOUBLE_EQ(make("randk:50", 100, 1)->traits().constant, 1.0);  // ω = d/k − 1
  for (const char* bad : {"randk:0", "randk:101", "randk:-1", "randk:0.0", "randk:1.5", "randk:x", "randk"}) {
    EXPECT_THROW(make(bad, 100, 1), Error) << bad;
  }
}

TEST(RandK, ReplicasDrawIndependently) {
  const Layout layout{2, 1000};
  std::vector<std::uint32_t> indices;
  draw_indices(layout, 1, 1, 0, 0, indices);
  ASSERT_EQ(indices.size(), 1000u);
  int first = 0;
  for (std::size_t r = 0; r < 1000; ++r) {
    ASSERT_EQ(indices[r] / 2, r);
    first += indices[r] % 2 == 0;
  }
  EXPECT_NEAR(first, 500, 5 * std::sqrt(250.0));
}

TEST(None, IsTheMeanInAgentOrder) {
  const std::vector<std::vector<float>> g = {normal_vector(999, 1), normal_vector(999, 2), normal_vector(999, 3)};
  const auto step = round_trip(*make("none", 999, 3), g, 0, 999);
  for (std::size_t j = 0; j < 999; ++j) EXPECT_EQ(step.mean[j], (((0.0f + g[0][j]) + g[1][j]) + g[2][j]) / 3.0f);
  EXPECT_EQ(step.uplink[0], 4u * 999);
}

TEST(None, SixteenBitWires) {
  const std::vector<std::vector<float>> g = {normal_vector(1000, 1)};
  for (const auto& [spec, precision] : {std::pair("none:fp16", 0x1p-11f), std::pair("none:bf16", 0x1p-8f)}) {
    const auto step = round_trip(*make(spec, 1000, 1), g, 0, 1000);
    EXPECT_EQ(step.uplink[0], 2000u);
    for (std::size_t j = 0; j < 1000; ++j) {
      EXPECT_NEAR(step.mean[j], g[0][j], 1.0001f * precision * std::abs(g[0][j]) + 1e-7f) << spec;
    }
  }
}

}  // namespace
}  // namespace tersegrad
