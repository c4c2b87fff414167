// Compressors: how an agent's gradient becomes a packed message, and how N messages become one packed mean.
//
// A new method without memory starts at coordinatewise.hpp (two functions) or memoryless.hpp (five); examples/block_sign is one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tersegrad/compress/capabilities/capabilities.hpp"
#include "tersegrad/compress/compressor_setup.hpp"
#include "tersegrad/compress/traits.hpp"
#include "tersegrad/compress/wire/message.hpp"
#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// One agent's end. Steps come in any order unless there is memory; buckets of a step in any order, each once.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// Once a step, before its buckets. \param gradient the whole of it where Traits::whole_gradient, else it may be empty
  virtual void begin_step(std::uint64_t /*step*/, std::span<const float> /*gradient*/) {}
  /// Compresses one bucket into `message`: its payload, header.flags, .k, .nonfinite and .payload_bytes.
  /// \param values the bucket's coordinates, bucket.size() of them
  void encode(const Bucket& bucket, std::span<const float> values, Message& message);
  /// The agent's own contribution to the mean, decoded on its own side: C(values). For N = 1 and fp32 on the wire these are
  /// the bits that Aggregator::decode gives (a 16-bit wire rounds the mean once more).
  /// \param message as encode() left it in this step \param out bucket.size() coordinates, overwritten
  virtual void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) = 0;

  // What more it does (capabilities/capabilities.hpp).
  virtual AxpbyEncoder* axpby() { return nullptr; }
  virtual SparseEncoder* sparse() { return nullptr; }
  virtual EncoderMemory* memory() { return nullptr; }
  virtual RoundsEncoder* rounds() { return nullptr; }

 protected:
  /// Fills the payload. On entry header.flags and .nonfinite are 0 and .k is bucket.size(); flags are the compressor's own.
  /// nonfinite counts what is inf or NaN in `values` and what is finite there but beyond the wire's range (saturate()): while it
  /// is zero with every agent, what decode() gives is finite (unless float32 cannot hold the agents' sum). What a NaN decodes
  /// to is the method's business, as long as every rank decodes the same bits and no other replica changes.
  virtual void pack(const Bucket& bucket, std::span<const float> values, Message& message) = 0;
};

/// The other end: aggregates the agents' messages and decodes the result. Every rank has one; aggregation happens wherever
/// the exchange brings the messages together.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  /// Once a step, before its buckets: redraws what both ends draw alike (Rand-k's index sets).
  virtual void begin_step(std::uint64_t /*step*/) {}
  /// Mean over agents of C(g_i), packed. Sums run in agent order or are integers.
  /// \param uplinks all N messages of the bucket, in agent order, headers checked
  /// \param aggregate receives the payload and header.flags, .k, .payload_bytes
  /// \throws Error if a payload is not what its header promises
  void aggregate(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate);
  /// Unpacks an aggregate; once a bucket and step, and not at all if the step is skipped.
  /// \param mean bucket.size() coordinates, overwritten \throws Error if the payload is not what its header promises
  virtual void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) = 0;

  virtual PartialSums* partial_sums() { return nullptr; }
  virtual FusedUpdate* fused_update() { return nullptr; }
  virtual DenseView* dense_view() { return nullptr; }
  virtual SparseView* sparse_view() { return nullptr; }
  virtual AggregatorMemory* memory() { return nullptr; }
  virtual RootMemory* root_memory() { return nullptr; }
  virtual RoundsAggregator* rounds() { return nullptr; }

 protected:
  /// aggregate() but for the header: on entry header.flags is 0 and .k is bucket.size().
  virtual void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) = 0;
};

/// A compression scheme. Immutable but for what it may keep to save work; N agents, and threads, share one.
class Compressor {
 public:
  static constexpr const char* family = "compressor";
  virtual ~Compressor() = default;
  /// Canonical spelling, resolved for a dimension: "randk:106014".
  virtual std::string name() const = 0;
  virtual Traits traits() const = 0;
  /// Largest possible payload of a bucket, for either direction: what receivers check lengths against.
  virtual std::uint64_t max_payload_bytes(const Bucket& bucket) const = 0;
  virtual std::unique_ptr<Encoder> encoder(std::uint32_t agent) const = 0;
  virtual std::unique_ptr<Aggregator> aggregator() const = 0;

  virtual const FusedFeedback* fused_feedback() const { return nullptr; }
  virtual const Rounds* rounds() const { return nullptr; }
};

using CompressorRegistry = Registry<Compressor, const CompressorSetup&>;

}  // namespace tersegrad
