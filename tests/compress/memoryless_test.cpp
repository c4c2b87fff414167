// A method in five functions is a compressor like any other.
#include "tersegrad/compress/memoryless.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/detail.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;

/// Signs times a constant: the shortest method there is.
class Constant final : public MemorylessCompressor {
 public:
  using MemorylessCompressor::MemorylessCompressor;
  std::string name() const override { return "constant"; }
  Traits traits() const override { return {}; }
  std::uint64_t message_bytes(const Bucket& bucket) const override { return static_cast<std::uint64_t>(plane_bytes(bucket.size())); }
  void write(const Bucket& bucket, std::span<const float> values, const Stream&, Message& message) const override {
    resize_payload(message, plane_bytes(bucket.size()));
    std::memset(message.payload.data(), 0, message.payload.size());
    for (std::size_t j = 0; j < values.size(); ++j) message.payload[j / 8] |= static_cast<std::byte>((values[j] > 0) << (j % 8));
  }
  void read(const Bucket& bucket, const MessageView& message, std::span<float> out) const override {
    require_payload(message, plane_bytes(bucket.size()));
    for (std::size_t j = 0; j < out.size(); ++j) out[j] = std::to_integer<int>(message.payload[j / 8] >> (j % 8)) & 1 ? 0.5f : -0.5f;
  }
};

TEST(Memoryless, TheMeanIsThatOfItsMessagesTogetherOrDense) {
  for (const std::uint32_t agents : {1u, 3u, 40u}) {  // 40 bits a coordinate are more than a float has
    const Constant method(CompressorSetup{{1000, 1}, 1, agents});
    std::vector<std::vector<float>> gradients;
    for (std::uint32_t a = 0; a < agents; ++a) gradients.push_back(normal_vector(1000, a));
    const auto step = testing::round_trip(method, gradients, 0, 256);
    EXPECT_EQ(step.uplink[0], 125u);
    for (std::size_t j = 0; j < 1000; ++j) {
      float sum = 0;
      for (const auto& gradient : gradients) sum += gradient[j] > 0 ? 0.5f : -0.5f;
      ASSERT_EQ(step.mean[j], sum / static_cast<float>(agents)) << agents << " agents, coordinate " << j;
    }
    EXPECT_EQ(step.downlink, agents == 40 ? 4000u : agents * (125u + 4 * 16u));
  }
}

}  // namespace
}  // namespace tersegrad
