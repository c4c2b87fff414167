// One step of the algorithm on this rank: gradients, messages out and back, the update.
#pragma once

#include <cstdint>
#include <span>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/train/step/algorithm.hpp"
#include "tersegrad/train/step/run_parts.hpp"

namespace tersegrad {

/// The step of the design: the agents' gradients, compressed; their messages to whoever aggregates them, and the aggregates
/// back; the same update on every rank.
class Step : public Algorithm {
 public:
  /// \param skips_in_a_row of a resumed run: steps without an update, in a row, until now
  explicit Step(RunParts& parts, std::int64_t skips_in_a_row = 0) : parts_(parts), skips_in_a_row_(skips_in_a_row) {}

  /// With --batch full: the gradient that all agents share.
  void begin(std::uint64_t k, StepRecord& record) override;
  std::span<const float> shared_gradient() const override;
  void exchange(std::uint64_t k, std::uint8_t flags, StepRecord& record) override;
  std::uint8_t heard() const override { return heard_; }
  /// Applies the aggregates to this rank's replica, unless --nonfinite forbids it.
  Outcome update(StepRecord& record, bool wants_norm) override;
  std::int64_t skips_in_a_row() const override { return skips_in_a_row_; }

 private:
  void apply(StepRecord& record, bool wants_norm);

  RunParts& parts_;
  double shared_loss_ = 0;
  std::uint8_t heard_ = 0;
  std::int64_t skips_in_a_row_;
  Buffer<float> decoded_;
};

}  // namespace tersegrad
