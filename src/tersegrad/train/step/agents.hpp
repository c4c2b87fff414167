// The agents of one rank: gradient → noise → message.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/train/objectives/objective.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/records/step_clock.hpp"
#include "tersegrad/train/step/bucket_plan.hpp"
#include "tersegrad/train/step/gradient_source.hpp"

namespace tersegrad {

/// The parts that make an agent's message; all outlive the agents.
struct AgentParts {
  const TrainConfig* config = nullptr;
  Objective* objective = nullptr;
  GradientSource* source = nullptr;
  const Noise* noise = nullptr;
  const Compressor* compressor = nullptr;
  const BucketPlan* plan = nullptr;
};

/// Told of an agent's messages.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual void complete(const Bucket& bucket) = 0;  ///< the agent's message of this bucket can go
  virtual void between() {}                         ///< now and then, while backward runs
};

/// The agents [begin, end). Nothing here communicates.
class Agents {
 public:
  Agents(const AgentParts& parts, std::uint32_t begin, std::uint32_t end);

  std::uint32_t begin() const { return begin_; }
  std::uint32_t end() const { return end_; }

  /// The first round's messages of one agent: the whole gradient first, or with --overlap, where nothing forbids it and
  /// `overlap`, bucket by bucket while backward runs.
  /// \param step counted from 1 \param control this rank's control flags, put into every header
  void send_gradient(std::uint32_t agent, std::int64_t step, std::uint8_t control, bool overlap, MessageSink& sink,
                     StepClock& clock);
  /// A later round's (compress/capabilities/rounds.hpp). \param result of the round before
  void send_round(std::uint32_t agent, int round, std::int64_t step, std::uint8_t control, std::span<const float> result,
                  MessageSink& sink, StepClock& clock);
  /// Whether the last agent's buckets go while its backward runs, last layers first.
  bool overlaps() const;

  /// The step's aggregate was not applied: the compressors forget the step.
  void discard_step();

  /// What agent `agent` would compress (gradient, clipping, noise) of mini-batch and noise number `draw`, at some
  /// coordinates; independent of every step and every other draw, and without a trace in what training does next.
  /// Overwrites Objective::gradient(). \param coordinates ascending, of the whole vector
  void estimate(std::uint32_t agent, std::uint64_t draw, std::span<const std::int64_t> coordinates, std::span<float> out) const;

  /// What the agent's encoder remembers, writable: for checkpoints.
  std::vector<State> state(std::uint32_t agent) { return state_of(*encoders_[agent - begin_]); }

  /// This rank's messages of one bucket, in agent order.
  std::span<Message> messages(const Bucket& bucket) { return messages_[bucket.index]; }

 private:
  void send_in_parts(std::uint32_t agent, std::int64_t step, std::uint8_t control, MessageSink& sink, StepClock& clock);
  void send(std::uint32_t agent, std::int64_t step, const Bucket& bucket, double loss, std::uint8_t control, MessageSink& sink,
            StepClock& clock);
  void encode(std::uint32_t agent, std::int64_t step, const Bucket& bucket, double loss, std::uint8_t control);
  void clip(std::span<float> gradient) const;
  void add_noise(std::uint32_t agent, std::uint64_t draw, const Bucket& part);
  std::span<float> gradient() const { return parts_.objective->gradient(); }

  AgentParts parts_;
  std::uint32_t begin_, end_;
  bool whole_;                    // the compressor needs the whole gradient
  std::uint32_t compressor_ = 0;  // its id in headers
  std::vector<std::unique_ptr<Encoder>> encoders_;
  std::vector<double> losses_;                  // [agent] of the step
  std::vector<std::vector<Message>> messages_;  // [bucket][agent]
  std::vector<std::int64_t> missing_;           // [bucket]: coordinates that backward has not completed; -1: sent
};

}  // namespace tersegrad
