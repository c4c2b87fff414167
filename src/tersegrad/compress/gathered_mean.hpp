// The mean of messages that cannot be added while packed: scaled signs, quantised values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

/// The aggregate is the N uplinks behind one another (a table of 16 bytes each, then their payloads), which every rank
/// decodes and adds, or the mean in fp32 (flag_dense), whichever is smaller: b bits a coordinate from each of N agents
/// stay packed while N·b is below 32. Both are lossless and give the same bits: the sum runs in agent order.
class GatheredMean : public Aggregator {
 public:
  explicit GatheredMean(std::uint32_t agents) : agents_(agents) {}
  void begin_step(std::uint64_t) override {}
  void merge(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) final;
  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) final;

  /// Largest aggregate of compressors whose uplinks have at most `uplink` bytes: the dense mean at most.
  static std::uint64_t max_payload_bytes(const Bucket& bucket, std::int64_t uplink);

 protected:
  /// sum += C of one agent, whose payload is checked first. \throws Error if it is not what its header promises
  virtual void add(const Bucket& bucket, const MessageView& uplink, std::span<float> sum) = 0;
  /// The check alone. \throws Error
  virtual void require(const Bucket& bucket, const MessageView& uplink) = 0;

 private:
  void mean_of(const Bucket& bucket, std::span<const MessageView> uplinks, std::span<float> mean);

  std::uint32_t agents_;
  std::vector<MessageView> parts_;
  std::vector<float> mean_;
};

}  // namespace tersegrad
