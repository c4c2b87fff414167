// One step of the algorithm on this rank: gradients, messages out and back, the update.
#pragma once

#include <cstdint>
#include <span>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/train/records/step_record.hpp"
#include "tersegrad/train/step/run_parts.hpp"

namespace tersegrad {

/// What a step is made of, in this order: begin, exchange, update. Every rank calls them alike: begin and exchange
/// communicate, and what update decides follows from what every rank has seen alike.
class Step {
 public:
  enum class Outcome {
    updated,   ///< x moved
    skipped,   ///< non-finite, and --nonfinite skip left x as it was
    diverged,  ///< the run is over
  };

  /// \param skips_in_a_row of a resumed run: steps without an update, in a row, until now
  explicit Step(RunParts& parts, std::int64_t skips_in_a_row = 0) : parts_(parts), skips_in_a_row_(skips_in_a_row) {}

  /// With --batch full: the gradient that all agents share. \param k from 0
  void begin(std::uint64_t k, StepRecord& record);
  /// That gradient; empty where every agent has its own.
  std::span<const float> shared_gradient() const;

  /// The agents' messages to whoever aggregates them, and the aggregates back. Fills in the record's loss, traffic and
  /// agents with non-finite values. \param flags of control_flags: what this rank says to all with its messages
  void exchange(std::uint64_t k, std::uint8_t flags, StepRecord& record);
  /// What the ranks said: the last step's flags of all of them, the same on every rank.
  std::uint8_t heard() const { return heard_; }

  /// Applies the aggregates to this rank's replica, unless --nonfinite forbids it.
  /// \param wants_norm whether to fill in record.update_norm
  Outcome update(StepRecord& record, bool wants_norm);
  std::int64_t skips_in_a_row() const { return skips_in_a_row_; }

 private:
  void apply(StepRecord& record, bool wants_norm);

  RunParts& parts_;
  double shared_loss_ = 0;
  std::uint8_t heard_ = 0;
  std::int64_t skips_in_a_row_;
  Buffer<float> decoded_;
};

}  // namespace tersegrad
