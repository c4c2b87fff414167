// Compressors: how an agent's gradient becomes a packed message, and how N messages become one packed mean.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/compress/kernels/dense/axpby.hpp"
#include "tersegrad/compress/wire/message.hpp"
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
  bool averaged = true;  ///< what comes back is the mean of the agents' C(g_i); false: something else (a majority)
};

/// Floats that a compressor remembers between steps: what a checkpoint must keep to go on as if nothing had happened.
struct State {
  std::string name;         ///< unique within its owner, e.g. "memory"
  std::span<float> values;  ///< writable, for resuming; valid until the owner's next begin_step()
};

/// Everything that the draws of a compressor depend on, beside agent and step.
struct CompressorSetup {
  Layout layout;  ///< of several replicas each is compressed as if alone: no bit of one depends on another's coordinates
  std::uint64_t seed = 0;
  std::uint32_t agents = 1;  ///< N
  /// Whether a step may be taken back (Encoder::discard_step) or may bring values that are not finite and are to be
  /// forgotten: encoders with memory then keep what they would go back to, one float a coordinate more.
  bool undo = true;
};

/// A vector that is zero but for a few coordinates of a bucket.
struct SparseValues {
  std::span<const std::uint32_t> indices;  ///< ascending, of the whole vector
  std::span<const float> values;           ///< one for each
};

/// One agent's compressor with whatever state it keeps between steps. Steps come in any order unless the
/// compressor has memory; buckets of a step in any order, each once. Buckets begin at multiples of 128 coordinates.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// Once per step, before its buckets.
  /// \param gradient the whole gradient where Compressor::needs_whole_gradient(), else it may be empty
  virtual void begin_step(std::uint64_t step, std::span<const float> gradient) = 0;
  /// Compresses one bucket: fills the payload and header.flags, .k, .nonfinite, .payload_bytes of `message`. nonfinite
  /// counts what is inf or NaN in `values` and what is finite there but beyond the wire's range: while it is zero with
  /// every agent, what decode() gives is finite (unless float32 cannot hold the agents' sum).
  /// \param values the bucket's coordinates, bucket.size() of them
  virtual void encode(const Bucket& bucket, std::span<const float> values, Message& message) = 0;

  /// The agent's own contribution to the mean that comes back, decoded on its own side: C(values). For N = 1 and fp32
  /// on the wire these are the bits that Aggregator::decode gives (a 16-bit wire rounds the mean once more).
  /// \param message as encode() left it in this step
  /// \param out bucket.size() coordinates, overwritten
  virtual void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) = 0;

  /// decode_own() of a compressor that keeps few coordinates, as a list; nothing where it does not.
  /// \returns spans valid until the next call
  virtual std::optional<SparseValues> decode_own_sparse(const Bucket&, const Message&) { return {}; }

  /// values ← values − scale·C(values), the half-step of error feedback, right behind encode() of that bucket. The
  /// default decodes and subtracts; overridden where few coordinates change, with the same bits.
  /// \returns false if a new value may not be finite
  virtual bool subtract_own(const Bucket& bucket, std::span<float> values, float scale, const Message& message);

  /// begin_step() on an axpby p of gradient and memory, where Compressor::needs_whole_gradient(); encode() then receives
  /// parts of `p`. The default makes p; overridden where choosing and making it are one pass.
  /// \param p  as large, receives the axpby; may be the memory. Unless `wanted`, what it holds is encode()'s business
  virtual void begin_step_axpby(std::uint64_t step, const kernels::Axpby& whole, std::span<float> p, bool wanted);
  /// encode() of a bucket of an axpby, made on the way, where the whole gradient is not needed. \param p  receives it
  virtual void encode_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message);

  /// The last step's aggregate was not applied (--nonfinite skip): memory becomes what it was before that step. Only
  /// where CompressorSetup::undo.
  virtual void discard_step() {}

  /// What the encoder remembers, as of the end of the last step; empty without memory.
  virtual std::vector<State> state() { return {}; }

 private:
  Buffer<float> decoded_;
};

/// The other end: aggregates the agents' messages and decodes the result. Every rank has one; aggregation happens
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
  virtual void aggregate(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) = 0;
  /// Whether groups of agents may be aggregated first and their partial sums joined later: only where sums are integers,
  /// so that the grouping cannot change a bit. Exchange `hierarchical` asks.
  virtual bool supports_partial() const { return false; }
  /// The sum over a group of agents, packed. Only where supports_partial().
  /// \param uplinks 1 ≤ n ≤ N messages of the bucket, in agent order, headers checked
  /// \param partial receives the payload, at most max_payload_bytes, and header.flags, .k, .payload_bytes
  virtual void aggregate_partial(const Bucket&, std::span<const MessageView> /*uplinks*/, Message& /*partial*/) {
    throw Bug("this compressor has no partial sums");
  }
  /// What aggregate gives for all N messages, bit for bit, from partial sums of groups that together are all agents.
  /// \param partials in any order, header.agent the number of agents in each
  /// \throws Error if a payload is not what its header promises
  virtual void join_partials(const Bucket&, std::span<const MessageView> /*partials*/, Message& /*aggregate*/) {
    throw Bug("this compressor has no partial sums");
  }
  /// Unpacks an aggregate; once a bucket and step, and not at all if the step is skipped (EF21's mean has memory).
  /// \param mean bucket.size() coordinates, overwritten
  /// \throws Error if the payload is not what its header promises
  virtual void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) = 0;
  /// decode() of a mean with few coordinates, as a list; nothing where it is not one, and then nothing happened: decode()
  /// is to be called. \returns spans valid until the next call \throws Error as decode does
  virtual std::optional<SparseValues> decode_sparse(const Bucket&, const MessageView&) { return {}; }
  /// x ← x − step·mean with no mean in between, instead of decode(): the bits of decode() followed by
  /// x_j ← fl(x_j − fl(step·mean_j)), but those of a NaN: then all ranks must go the same way. The default serves
  /// what decode_sparse() lists: the other coordinates stay as they are.
  /// \param step finite \param x bucket.size() coordinates
  /// \returns false, with nothing done, where decode() is to be called
  /// \throws Error as decode does; then a part of x may have changed
  virtual bool decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x);
  /// The mean itself where it lies somewhere as plain, aligned floats: in the payload, or in what the aggregator remembers.
  /// Instead of decode(), and as that once a bucket and step; empty, and then nothing happened, where it must be decoded.
  /// Spares a pass over memory. \param aggregate header.nonfinite is the largest of the step's buckets
  /// \returns a span valid until the next call \throws Error as decode does
  virtual std::span<const float> dense_view(const Bucket&, const MessageView&) { return {}; }
  /// What the aggregator remembers, the same on every rank; empty without memory.
  virtual std::vector<State> state() { return {}; }
};

/// The kinds of error feedback around a compressor: error_feedback.cpp, ef21.cpp.
enum class Feedback { ef14, ef21 };

/// A compression scheme. Immutable but for what it may keep to save work; N agents, and threads, share one.
class Compressor {
 public:
  static constexpr const char* family = "compressor";
  virtual ~Compressor() = default;
  /// Canonical spelling, resolved for a dimension: "randk:106014".
  virtual std::string name() const = 0;
  virtual Traits traits() const = 0;
  /// The factor a with which a·C is contractive, 0 if there is none: what error feedback sends. An unbiased C becomes
  /// contractive with δ = 1/(1 + ω) by a = 1/(1 + ω) (Richtárik et al. 2021, EF21, Section 1.2); Rand-k then no longer
  /// scales. Without that factor the memory of Rand-k with k < d/2 grows without bound.
  virtual double feedback_scale() const;
  /// True if a bucket cannot be encoded before the whole gradient is known (Top-k, norms).
  virtual bool needs_whole_gradient() const { return false; }
  /// Largest possible payload of a bucket, for either direction: what receivers check lengths against.
  virtual std::uint64_t max_payload_bytes(const Bucket& bucket) const = 0;
  virtual std::unique_ptr<Encoder> encoder(std::uint32_t agent) const = 0;
  virtual std::unique_ptr<Aggregator> aggregator() const = 0;
  /// An encoder of error feedback around this compressor that does in one pass over memory what the wrapper's own does
  /// in several, with the same bits; null where there is none.
  virtual std::unique_ptr<Encoder> feedback_encoder(Feedback, std::uint32_t /*agent*/) const { return nullptr; }
};

using CompressorRegistry = Registry<Compressor, const CompressorSetup&>;

}  // namespace tersegrad
