// Compressors: how an agent's gradient becomes a packed message, and how N messages become one packed mean.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tersegrad/compress/message.hpp"
#include "tersegrad/core/layout.hpp"
#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// What theory knows of a compressor C; the conformance suite verifies it over the registry.
struct Traits {
  enum class Kind {
    unbiased,     ///< E C(v) = v, E‖C(v) − v‖² ≤ constant·‖v‖²; constant = ω
    contractive,  ///< E‖C(v) − v‖² ≤ (1 − constant)·‖v‖²; constant = δ
    biased,       ///< neither (sign); constant unused
  };
  Kind kind = Kind::biased;
  double constant = 0;
};

/// Everything that the draws of a compressor depend on, beside agent and step.
struct CompressorSetup {
  Layout layout;
  std::uint64_t seed = 0;
  std::uint32_t agents = 1;  ///< N
};

/// One agent's compressor with whatever state it keeps between steps. Steps come in any order unless the
/// compressor has memory; buckets of a step in any order.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// Once per step, before its buckets.
  /// \param gradient the whole gradient where Compressor::needs_whole_gradient(), else it may be empty
  virtual void begin_step(std::uint64_t step, std::span<const float> gradient) = 0;
  /// Compresses one bucket: fills the payload and header.flags, .k, .nonfinite, .payload_bytes of `message`.
  /// \param values the bucket's coordinates, bucket.size() of them
  virtual void encode(const Bucket& bucket, std::span<const float> values, Message& message) = 0;
};

/// The other end: merges the agents' messages and decodes the result. Every rank has one; merging happens
/// wherever the exchange brings the messages together.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  /// Once per step, before its buckets: redraws what both ends draw alike (Rand-k's index sets).
  virtual void begin_step(std::uint64_t step) = 0;
  /// Mean over agents of C(g_i), packed. Sums run in agent order or are integers.
  /// \param uplinks all N messages of the bucket, in agent order, headers checked
  /// \param aggregate receives the payload and header.flags, .k, .payload_bytes
  /// \throws Error if a payload is not what its header promises
  virtual void merge(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) = 0;
  /// Unpacks an aggregate. \param mean bucket.size() coordinates, overwritten
  /// \throws Error if the payload is not what its header promises
  virtual void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) = 0;
  /// The mean itself where the payload holds it as plain, aligned floats; empty where it must be decoded. Spares an
  /// uncompressed run a pass over memory. \throws Error as decode does
  virtual std::span<const float> plain(const Bucket&, const MessageView&) { return {}; }
};

/// A compression scheme. Immutable; N agents share one.
class Compressor {
 public:
  static constexpr const char* family = "compressor";
  virtual ~Compressor() = default;
  /// Canonical spelling, resolved for a dimension: "randk:106014".
  virtual std::string name() const = 0;
  virtual Traits traits() const = 0;
  /// True if a bucket cannot be encoded before the whole gradient is known (Top-k, norms).
  virtual bool needs_whole_gradient() const { return false; }
  /// Largest possible payload of a bucket, for either direction: what receivers check lengths against.
  virtual std::uint64_t max_payload_bytes(const Bucket& bucket) const = 0;
  virtual std::unique_ptr<Encoder> encoder(std::uint32_t agent) const = 0;
  virtual std::unique_ptr<Aggregator> aggregator() const = 0;
};

using CompressorRegistry = Registry<Compressor, const CompressorSetup&>;

}  // namespace tersegrad
