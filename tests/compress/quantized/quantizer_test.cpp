// QSGD, TernGrad and natural compression: levels, wire sizes, constants, hostile payloads.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "compress/round_trip.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;
using testing::round_trip;

std::unique_ptr<Compressor> make(const std::string& spec, const Layout& layout, std::uint32_t agents = 1,
                                 std::uint64_t seed = 1) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{layout, seed, agents});
}

double norm(const std::vector<float>& v, std::size_t begin, std::size_t end) {
  double squares = 0;
  for (std::size_t j = begin; j < end; ++j) squares += double(v[j]) * double(v[j]);
  return std::sqrt(squares);
}

TEST(Qsgd, RoundsToOneOfTheTwoNeighbouringLevelsOfItsBlock) {
  const auto g = normal_vector(1000, 1);
  for (const int s : {1, 2, 7, 127, 32767}) {
    for (const std::size_t block : {std::size_t{128}, std::size_t{48}, std::size_t{1000}}) {
      const auto spec = concat("qsgd:", s, ":block=", block == 1000 ? 0 : block);
      const auto step = round_trip(*make(spec, {1000, 1}), {g}, 3, 256);
      for (std::size_t j = 0; j < 1000; ++j) {
        const std::size_t begin = j / block * block;
        const double m = norm(g, begin, std::min<std::size_t>(begin + block, 1000));
        const double t = std::abs(double(g[j])) / m * s, level = std::abs(double(step.mean[j])) / m * s;
        EXPECT_NEAR(level, std::round(level), 1e-6 * s);
        EXPECT_LT(std::abs(level - t), 1 + 1e-6 * s);
        EXPECT_GE(double(step.mean[j]) * double(g[j]), 0);
      }
    }
  }
}

TEST(Qsgd, Bytes) {
  const auto g = normal_vector(1024, 1);
  for (const auto& [s, bits] :
       {std::pair(1, 2), std::pair(2, 3), std::pair(3, 3), std::pair(7, 4), std::pair(127, 8)}) {
    EXPECT_EQ(round_trip(*make(concat("qsgd:", s), {1024, 1}), {g}, 0, 1024).uplink[0],
              8u * 4 + 1024 * static_cast<std::size_t>(bits) / 8);
    EXPECT_EQ(round_trip(*make(concat("qsgd:", s, ":0"), {1024, 1}), {g}, 0, 1024).uplink[0],
              4 + 1024 * static_cast<std::size_t>(bits) / 8);
  }
  EXPECT_EQ(round_trip(*make("terngrad", {1024, 1}), {g}, 0, 1024).uplink[0], 8u * 4 + 256);
  EXPECT_EQ(round_trip(*make("natural", {1024, 1}), {g}, 0, 1024).uplink[0], 1024u + 128);
  // Down: the agents' messages together while they are smaller than fp32.
  EXPECT_EQ(round_trip(*make("natural", {1024, 1}, 3), {g, g, g}, 0, 1024).downlink, 3u * (16 + 1152));
  EXPECT_EQ(round_trip(*make("natural", {1024, 1}, 4), {g, g, g, g}, 0, 1024).downlink, 4096u);
  EXPECT_FALSE(make("qsgd:4", {1024, 1})->traits().whole_gradient);
  EXPECT_TRUE(make("qsgd:4:512", {1024, 1})->traits().whole_gradient);
}

TEST(Qsgd, ABlockWithANonfiniteCoordinateIsNanThroughoutAndNoOther) {
  auto g = normal_vector(512, 1);
  g[200] = INFINITY;
  const auto step = round_trip(*make("qsgd:4", {512, 1}), {g}, 0, 512);
  for (std::size_t j = 0; j < 512; ++j) EXPECT_EQ(std::isnan(step.mean[j]), j >= 128 && j < 256) << j;
}

TEST(Qsgd, TheExtremesOfFp32) {
  const float largest = std::numeric_limits<float>::max(), smallest = std::numeric_limits<float>::denorm_min();
  const std::vector<float> huge(128, largest), tiny(128, smallest), one = {0, 0, -0.37f, 0, 0, 0, 0, 0};
  for (const float x : round_trip(*make("qsgd:4", {128, 1}), {huge}, 0, 128).mean) EXPECT_TRUE(x >= 0 && x <= largest);
  // Levels are 2^-110 at least: what is far below them is nearly always 0, and never more than one of them.
  for (const float x : round_trip(*make("qsgd:4", {128, 1}), {tiny}, 0, 128).mean) EXPECT_TRUE(x >= 0 && x <= 0x1p-110f);
  EXPECT_EQ(round_trip(*make("qsgd:4", {8, 1}), {one}, 0, 8).mean, one);  // alone in its block: exact
}

TEST(Qsgd, SymbolsThatNoLevelHasAreRefused) {
  const auto compressor = make("qsgd:4", {8, 1});  // 4 bits a symbol, 0 to 8 used
  Message message;
  message.payload.assign(4 + 4, std::byte{0x88});
  message.header.payload_bytes = 8;
  Message out;
  const MessageView views[] = {view(message)};
  std::vector<float> mean(8);
  const auto aggregator = compressor->aggregator();
  const auto run = [&] {
    aggregator->aggregate({0, 0, 8}, views, out);
    aggregator->decode({0, 0, 8}, view(out), mean);
  };
  EXPECT_NO_THROW(run());
  message.payload[5] = std::byte{0x19};
  EXPECT_THROW(run(), Error);
}

TEST(Qsgd, ImpossibleArgumentsAreRefused) {
  for (const char* bad : {"qsgd", "qsgd:0", "qsgd:40000", "qsgd:4:3", "qsgd:4:-1", "qsgd:1.5"})
    EXPECT_THROW(make(bad, {64, 1}), Error) << bad;
  EXPECT_EQ(make("qsgd:4:128", {64, 1})->name(), "qsgd:4");
  EXPECT_EQ(make("qsgd:4:0", {64, 1})->name(), "qsgd:4:block=0");
}

/// E‖C(v) − v‖²/‖v‖² by simulation, and its standard error.
std::pair<double, double> relative_error(const Compressor& compressor, const std::vector<float>& v, int draws) {
  double sum = 0, sum2 = 0;
  const double norm2 = std::pow(norm(v, 0, v.size()), 2);
  for (int s = 0; s < draws; ++s) {
    const auto c = round_trip(compressor, {v}, static_cast<std::uint64_t>(s), static_cast<std::int64_t>(v.size())).mean;
    double error = 0;
    for (std::size_t j = 0; j < v.size(); ++j) error += std::pow(double(c[j]) - double(v[j]), 2) / norm2;
    sum += error;
    sum2 += error * error;
  }
  const double mean = sum / draws;
  return {mean, std::sqrt(std::max(0.0, sum2 / draws - mean * mean) / draws)};
}

TEST(TernGrad, SendsMinusMZeroOrMAndItsOmegaIsAttained) {
  const auto g = normal_vector(128, 1);
  float m = 0;
  for (const float x : g) m = std::max(m, std::abs(x));
  for (const float x : round_trip(*make("terngrad", {128, 1}), {g}, 0, 128).mean)
    EXPECT_TRUE(x == 0 || x == m || x == -m);

  const std::size_t n = 64;
  std::vector<float> worst(n, static_cast<float>(1 / (std::sqrt(double(n)) + 1)));
  worst[5] = 1;
  const auto compressor = make("terngrad", {static_cast<std::int64_t>(n), 1});
  EXPECT_DOUBLE_EQ(compressor->traits().constant, 3.5);
  const auto [error, se] = relative_error(*compressor, worst, 4000);
  EXPECT_NEAR(error, 3.5, 5 * se);
}

TEST(Natural, RoundsToANeighbouringPowerOfTwoAndItsOmegaIsAttained) {
  const auto g = normal_vector(4096, 1);
  const auto c = round_trip(*make("natural", {4096, 1}), {g}, 0, 4096).mean;
  for (std::size_t j = 0; j < 4096; ++j) {
    const float low = std::exp2(std::floor(std::log2(std::abs(g[j]))));
    EXPECT_TRUE(std::abs(c[j]) == low || std::abs(c[j]) == 2 * low) << g[j] << " became " << c[j];
    EXPECT_EQ(std::signbit(c[j]), std::signbit(g[j]));
  }
  // (x − 2^e)(2^{e+1} − x)/x² is largest, 1/8, at x = 4/3·2^e.
  const auto [error, se] = relative_error(*make("natural", {100, 1}), std::vector<float>(100, 4.0f / 3), 2000);
  EXPECT_NEAR(error, 0.125, 5 * se);
}

TEST(Natural, SpecialValues) {
  const std::vector<float> g = {0.0f,          -0.0f,          1,      -2,     0x1p-126f, INFINITY, -INFINITY,
                                std::nanf(""), -std::nanf(""), 1e-45f, -1e-45f};
  const auto c = round_trip(*make("natural", {11, 1}), {g}, 0, 11).mean;
  for (std::size_t j = 0; j < 7; ++j) EXPECT_EQ(c[j], g[j]) << j;
  EXPECT_TRUE(std::isnan(c[7]) && std::isnan(c[8]));
  for (const std::size_t j : {9u, 10u}) EXPECT_TRUE(c[j] == 0 || std::abs(c[j]) == 0x1p-126f);
  // Half the smallest normal number: 0 or 2^-126, evenly.
  const auto half = round_trip(*make("natural", {10000, 1}), {std::vector<float>(10000, 0x1p-127f)}, 0, 10000).mean;
  double up = 0;
  for (const float x : half) up += x == 0x1p-126f;
  EXPECT_NEAR(up / 10000, 0.5, 5 * std::sqrt(0.25 / 10000));
}

}  // namespace
}  // namespace tersegrad
