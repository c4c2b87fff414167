// The mean of messages that cannot be added while packed: scaled signs, quantised values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/kernels/dense/accumulate.hpp"

namespace tersegrad {

/// The aggregate is the N uplinks behind one another (a table of 16 bytes each, then their payloads), which every rank
/// decodes and adds, or the mean in fp32 (flag_dense), whichever is smaller: b bits a coordinate from each of N agents
/// stay packed while N·b is below 32. Both are lossless and give the same bits: the sum runs in agent order.
class GatheredMean : public Aggregator, public FusedUpdate {
 public:
  explicit GatheredMean(std::uint32_t agents) : agents_(agents) {}
  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) final;
  FusedUpdate* fused_update() final { return this; }
  bool decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) final;

  /// Largest aggregate of compressors whose uplinks have at most `uplink` bytes: the dense mean at most.
  static std::uint64_t max_payload_bytes(const Bucket& bucket, std::int64_t uplink);

 protected:
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) final;
  /// Coordinates added up together, agent after agent, so that the sums stay in the cache: pieces begin at multiples.
  static constexpr std::int64_t piece = 4096;
  /// Receives one bucket's messages in agent order and keeps them for add(). \throws Error if a payload's length is not
  /// what its header promises
  virtual void open(const Bucket& bucket, std::span<const MessageView> uplinks) = 0;
  /// The rest of the check, which add() would make. \param i of the messages opened \throws Error
  virtual void verify(const Bucket& /*bucket*/, std::size_t /*i*/) {}
  /// Hands C of message i, coordinates [begin, begin + n) of the bucket, at most a piece, to `to`. \throws Error
  virtual void add(const Bucket& bucket, std::size_t i, std::int64_t begin, std::size_t n,
                   const kernels::Accumulation& to) = 0;
  /// x ← x − step·mean of the messages opened, with the bits of add(), where one pass over all does it. \returns false where not
  virtual bool decode_axpy_opened(const Bucket& /*bucket*/, float /*step*/, std::span<float> /*x*/) { return false; }

 private:
  /// Calls open() with the uplinks that an aggregate holds.
  void open_parts(const Bucket& bucket, const MessageView& aggregate);
  /// The mean of the uplinks opened, coordinates [begin, begin + mean.size()) of the bucket: at most a piece.
  void mean_of(const Bucket& bucket, std::size_t uplinks, std::int64_t begin, std::span<float> mean);
  void whole_mean_of(const Bucket& bucket, std::size_t uplinks, std::span<float> mean);

  std::uint32_t agents_;
  std::vector<MessageView> parts_;
  std::vector<float> mean_;
};

}  // namespace tersegrad
