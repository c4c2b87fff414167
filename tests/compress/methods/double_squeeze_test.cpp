// DoubleSqueeze against its recursion (Tang et al. 2019, Algorithm 1), made of `ef` at both ends.
#include <gtest/gtest.h>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;
using testing::Session;

std::unique_ptr<Compressor> make(const std::string& spec, std::int64_t dim, std::uint32_t agents) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 1, agents});
}

/// v of a step: the mean of C(p_i), in agent order, as the agents' own error feedback gives it.
using Vectors = std::vector<std::vector<float>>;

/// Expects `steps` of doublesqueeze:C to be ef:C at the agents, and after it ef:C on each block of the mean.
void expect_recursion(const std::string& agents_c, const std::string& blocks_c, std::int64_t dim, std::int64_t block, int steps) {
  const auto method = make("doublesqueeze:" + agents_c, dim, 3), agents_end = make("ef:" + agents_c, dim, 3);
  Session squeezed(*method, 3), agents(*agents_end, 3);
  std::vector<std::unique_ptr<Compressor>> roots;
  std::vector<std::unique_ptr<Session>> sessions;
  for (std::int64_t begin = 0; begin < dim; begin += block) {
    roots.push_back(make("ef:" + blocks_c, std::min(block, dim - begin), 1));
    sessions.push_back(std::make_unique<Session>(*roots.back(), 1));
  }
  for (int s = 0; s < steps; ++s) {
    Vectors gradients;
    for (std::uint64_t a = 0; a < 3; ++a) gradients.push_back(normal_vector(static_cast<std::size_t>(dim), 100 * a + s));
    const auto number = static_cast<std::uint64_t>(s);
    const auto v = agents.step(gradients, number, dim).mean;
    std::vector<float> expected;
    for (std::size_t b = 0; b < sessions.size(); ++b) {
      const auto first = v.begin() + static_cast<std::ptrdiff_t>(b) * block;
      const auto last = v.begin() + std::min<std::int64_t>((static_cast<std::int64_t>(b) + 1) * block, dim);
      const auto part = sessions[b]->step({{first, last}}, number, dim).mean;
      expected.insert(expected.end(), part.begin(), part.end());
    }
    const auto got = squeezed.step(gradients, number, dim).mean;
    for (std::size_t j = 0; j < got.size(); ++j) ASSERT_EQ(got[j], expected[j]) << agents_c << ", step " << s << ", coordinate " << j;
  }
}

TEST(DoubleSqueeze, IsErrorFeedbackAtBothEnds) {
  for (const std::string c : {"topk:0.05", "scaled-sign", "none:bf16"}) expect_recursion(c, c, 600, 600, 5);
}

TEST(DoubleSqueeze, TheRootsBlocksAreCompressedEachAsIfAlone) {
  // 65536, 65536 and 18928 coordinates. A count is one of all of them: 1500 is 0.01 of 150000, and of each block.
  expect_recursion("topk:0.01", "topk:0.01", 150000, 65536, 3);
  expect_recursion("topk:1500", "topk:0.01", 150000, 65536, 3);
}

TEST(DoubleSqueeze, BothDirectionsAreShortAndNothingIsLostForGood) {
  const std::int64_t d = 4096;
  const auto method = make("doublesqueeze:topk:0.01", d, 8);
  Session session(*method, 8);
  // The same gradient at every step: what has come back after many steps is its multiple but for the bounded memories.
  Vectors gradients;
  for (std::uint64_t a = 0; a < 8; ++a) gradients.push_back(normal_vector(static_cast<std::size_t>(d), a));
  std::vector<double> came(static_cast<std::size_t>(d), 0);
  const int steps = 3000;
  for (int s = 0; s < steps; ++s) {
    const auto step = session.step(gradients, static_cast<std::uint64_t>(s), d);
    EXPECT_LT(step.uplink[0], 400u);
    EXPECT_LT(step.downlink, 400u);  // ef:topk's is 8 times that: the union of the agents' coordinates
    for (std::size_t j = 0; j < came.size(); ++j) came[j] += static_cast<double>(step.mean[j]);
  }
  double error = 0, norm = 0;
  for (std::size_t j = 0; j < came.size(); ++j) {
    double mean = 0;
    for (const auto& gradient : gradients) mean += static_cast<double>(gradient[j]) / 8;
    error += std::pow(came[j] / steps - mean, 2);
    norm += mean * mean;
  }
  // Σ(came) − S·mean = −(Σ e_i/N + E), whose norm is at most 2(1 − δ)/δ·max‖g‖ a memory (Stich et al. 2018, Lemma 3.2), δ = 0.01:
  // 2·198·√d for the agents and as much again for the root, over S = 3000 steps.
  EXPECT_LT(std::sqrt(error), 2 * 198 * std::sqrt(static_cast<double>(d)) * 2 / steps);
  EXPECT_LT(error, 0.25 * norm);
}

TEST(DoubleSqueeze, WhatTheRootRemembersIsOneFloatACoordinate) {
  const auto method = make("doublesqueeze:topk:0.01", 150000, 2);
  const auto aggregator = method->aggregator();
  ASSERT_NE(aggregator->root_memory(), nullptr);
  EXPECT_EQ(aggregator->memory(), nullptr);
  std::size_t size = 0;
  for (const Bucket& bucket : testing::buckets_of(*method, 150000, 128)) {
    for (const auto piece : aggregator->root_memory()->state_of(bucket)) size += piece.size();
  }
  EXPECT_EQ(size, 150000u);
  EXPECT_EQ(method->name(), "doublesqueeze:topk:1500");
  EXPECT_THROW(make("doublesqueeze:sign", 100, 2), Error);
}

}  // namespace
}  // namespace tersegrad
