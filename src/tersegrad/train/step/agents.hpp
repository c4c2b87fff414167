// The agents of one rank: gradient, noise, compression.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/objectives/objective.hpp"
#include "tersegrad/train/records/time_split.hpp"

namespace tersegrad {

/// The parts that make an agent's message; all outlive the agents.
struct AgentParts {
  const TrainConfig* config = nullptr;
  Objective* objective = nullptr;
  const Noise* noise = nullptr;
  const Compressor* compressor = nullptr;
  std::vector<Bucket> buckets;
};

/// Where complete buckets go.
struct Transport {
  std::function<void(const Bucket&)> start;  ///< called once for every bucket of a step
  std::function<void()> progress;            ///< lets what is under way move on
};

/// Steps 1–3 of the design's step for the agents [begin, end): nothing here communicates.
class Agents {
 public:
  Agents(const AgentParts& parts, std::uint32_t begin, std::uint32_t end);

  /// Fills every agent's messages of this step, bucket by bucket.
  /// \param shared  the full gradient that all agents share; empty: each computes its own mini-batch's
  /// \param shared_loss its loss
  /// \param control this rank's control flags, put into every header
  /// \param transport started with each bucket whose messages are complete: on a rank without agents with all at
  ///        once; with config.overlap while the last agent's backward still runs
  void compute(std::uint64_t step, std::span<const float> shared, double shared_loss, std::uint8_t control,
               const Transport& transport, TimeSplit& time);

  /// The step's aggregate was not applied: the compressors forget the step.
  void discard_step();

  /// What agent `agent` would compress (gradient, clipping, noise) of mini-batch and noise number `draw`, at some
  /// coordinates; independent of every step and every other draw, and without a trace in what training does next.
  /// Overwrites Objective::gradient().
  /// \param shared as for compute(); mini-batches are drawn where it is empty
  /// \param coordinates ascending, of the whole vector
  void estimate(std::uint32_t agent, std::uint64_t draw, std::span<const float> shared,
                std::span<const std::int64_t> coordinates, std::span<float> out) const;

  /// What the agent's encoder remembers, writable: for checkpoints.
  std::vector<State> state(std::uint32_t agent) { return encoders_[agent - begin_]->state(); }

  /// This rank's messages of one bucket, in agent order.
  std::span<Message> messages(const Bucket& bucket) { return messages_[bucket.index]; }

 private:
  void clip(std::span<float> gradient) const;
  /// Whether buckets can be encoded before a gradient is complete, last layers first.
  bool overlaps(bool shares) const;
  void encode(std::uint32_t agent, std::uint64_t step, const Bucket& bucket, double loss, std::uint8_t control);
  void add_noise(std::uint32_t agent, std::uint64_t step, const Bucket& part);

  AgentParts parts_;
  std::uint32_t begin_, end_;
  std::uint32_t compressor_ = 0;  // its id in headers
  std::vector<std::unique_ptr<Encoder>> encoders_;
  std::vector<std::vector<Message>> messages_;  // [bucket][agent]
  std::vector<std::int64_t> missing_;           // [bucket]: coordinates that backward has not completed; -1: started
};

/// Cuts [0, total) into buckets of `size` coordinates, rounded up to a multiple of 128 so that streams addressed by
/// coordinate and bit planes never share a word between buckets.
std::vector<Bucket> cut_into_buckets(std::int64_t total, std::int64_t size);

}  // namespace tersegrad
