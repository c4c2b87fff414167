// The conformance suite's fixture: one instance for every registered compressor, in several spellings.
#pragma once

#include <gtest/gtest.h>

#include <cmath>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad::testing {

using Vectors = std::vector<std::vector<float>>;

inline std::unique_ptr<Compressor> make(const std::string& spec, const Layout& layout, std::uint32_t agents,
                                 std::uint64_t seed = 1) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{layout, seed, agents});
}
inline std::unique_ptr<Compressor> make(const std::string& spec, std::int64_t dim, std::uint32_t agents,
                                 std::uint64_t seed = 1) {
  return make(spec, Layout{dim, 1}, agents, seed);
}

/// One normal vector an agent, with scattered zeros and runs of them.
inline Vectors gradients_of(std::uint32_t agents, std::int64_t size, std::uint64_t seed) {
  Vectors all;
  for (std::uint32_t a = 0; a < agents; ++a) {
    all.push_back(normal_vector(static_cast<std::size_t>(size), seed + a));
    for (std::size_t j = a; j < all.back().size() / 8; j += 7) all.back()[j] = j % 2 ? 0.0f : -0.0f;
    for (std::size_t j = all.back().size() / 2; j < all.back().size() * 5 / 8; ++j) all.back()[j] = 0;
  }
  return all;
}

/// What one session remembers becomes another's of the same compressor, as by a checkpoint. \param buckets of the root's memory
inline void copy_memory(Session& from, Session& to, const std::vector<Bucket>& buckets) {
  const auto copy = [](auto& source_end, auto& target_end) {
    const auto source = state_of(source_end), target = state_of(target_end);
    ASSERT_EQ(source.size(), target.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
      ASSERT_EQ(source[i].name, target[i].name);
      ASSERT_EQ(source[i].values.size(), target[i].values.size());
      std::copy(source[i].values.begin(), source[i].values.end(), target[i].values.begin());
    }
  };
  for (std::size_t a = 0; a < from.encoders.size(); ++a) copy(*from.encoders[a], *to.encoders[a]);
  copy(*from.aggregator, *to.aggregator);
  RootMemory* const root = from.aggregator->root_memory();
  for (std::size_t b = 0; root != nullptr && b < buckets.size(); ++b) {
    const auto source = root->state_of(buckets[b]), target = to.aggregator->root_memory()->state_of(buckets[b]);
    ASSERT_EQ(source.size(), target.size());
    for (std::size_t i = 0; i < source.size(); ++i) std::copy(source[i].begin(), source[i].end(), target[i].begin());
  }
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

class Conformance : public ::testing::TestWithParam<std::string> {
 protected:
  bool says(const char* text) const { return GetParam().find(text) != std::string::npos; }
  /// Half the relative spacing of the numbers on the wire.
  double roundoff() const { return says("fp16") ? 0x1p-11 : says("bf16") ? 0x1p-8 : 0; }
};

/// The registry and more, but for members with rounds: rounds_test.cpp has those.
inline std::vector<std::string> tested_specs() {
  auto specs = one_round_specs();
  const auto more = more_specs();
  specs.insert(specs.end(), more.begin(), more.end());
  return specs;
}

/// A spelling as a test's name.
inline std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name;
  for (const char c : info.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

}  // namespace tersegrad::testing
