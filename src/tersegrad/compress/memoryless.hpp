// Where a new method without memory starts: five functions, all const, and it is a compressor.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {

/// A method whose message of a bucket depends on the bucket's values and on random draws alone. Beside name() and traits() it
/// says how long a message can be, and writes and reads one. The mean of N messages is GatheredMean's: they travel on together
/// or as their fp32 mean, whichever is shorter, added in agent order.
///
/// Buckets begin at multiples of 128 coordinates and may be of any length, so a block of coordinates that share something is
/// at most 128 long, divides 128, begins at a multiple of its length, and, where the layout has replicas, reaches into one
/// only: wire/blocks.hpp cuts such blocks; coordinatewise.hpp does all of it. Draws are addressed by coordinate
/// (bucket.begin + j), so that no bit depends on the buckets.
class MemorylessCompressor : public Compressor {
 public:
  explicit MemorylessCompressor(const CompressorSetup& setup) : setup_(setup) {}
  std::uint64_t max_payload_bytes(const Bucket& bucket) const final;
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const final;
  std::unique_ptr<Aggregator> aggregator() const final;

  /// Bytes of the longest message of this bucket.
  virtual std::uint64_t message_bytes(const Bucket& bucket) const = 0;
  /// Encoder::pack(): fills message.payload; header.flags, .k and .nonfinite where they are not 0, bucket.size() and 0.
  /// \param draws the agent's of this step
  virtual void write(const Bucket& bucket, std::span<const float> values, const Stream& draws, Message& message) const = 0;
  /// C(values) from a message. \param out bucket.size() coordinates, overwritten
  /// \throws Error if the payload is not one that write() leaves: it may come from a damaged link
  virtual void read(const Bucket& bucket, const MessageView& message, std::span<float> out) const = 0;

 protected:
  const CompressorSetup& setup() const { return setup_; }

 private:
  CompressorSetup setup_;
};

}  // namespace tersegrad
