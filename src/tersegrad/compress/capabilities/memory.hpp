// Floats that a compressor remembers between steps.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/layout.hpp"

namespace tersegrad {

/// What a checkpoint must keep to go on as if nothing had happened.
struct State {
  std::string name;         ///< unique within its owner, e.g. "memory"
  std::span<float> values;  ///< writable, for resuming; valid until the owner's next begin_step()
};

class EncoderMemory {
 public:
  virtual ~EncoderMemory() = default;
  /// What the encoder remembers, as of the end of the last step.
  virtual std::vector<State> state() = 0;
  /// The last step's aggregate was not applied (--nonfinite skip): memory becomes what it was before that step. Only where
  /// CompressorSetup::undo.
  virtual void discard_step() {}
};

/// What decode() remembers: on every rank, the same.
class AggregatorMemory {
 public:
  virtual ~AggregatorMemory() = default;
  virtual std::vector<State> state() = 0;
  /// As EncoderMemory's: instead of decode().
  virtual void discard_step() {}
};

/// What aggregate() remembers: one float for each coordinate of the vector that is sent, on the rank that aggregates its
/// bucket (every rank, where every rank aggregates). A checkpoint gathers it, and deals it out again to whoever aggregates then.
class RootMemory {
 public:
  virtual ~RootMemory() = default;
  virtual std::string name() const = 0;  ///< as State's
  /// A bucket's floats as of the end of the last step, in the order of its coordinates, bucket.size() in all; writable, valid
  /// until the next begin_step().
  virtual std::vector<std::span<float>> state_of(const Bucket& bucket) = 0;
  /// As EncoderMemory's: after aggregate(), and instead of decode().
  virtual void discard_step() {}
};

/// What an encoder or an aggregator remembers; empty without memory.
template <class End>
std::vector<State> state_of(End& end) {
  auto* memory = end.memory();
  return memory == nullptr ? std::vector<State>() : memory->state();
}

}  // namespace tersegrad
