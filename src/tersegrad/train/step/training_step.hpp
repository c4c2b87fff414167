// One step of the algorithm on this rank: gradients, messages out and back, the update.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/train/step/algorithm.hpp"
#include "tersegrad/train/step/run_parts.hpp"

namespace tersegrad {

/// The step of the design: the agents' gradients, compressed; their messages to whoever aggregates them, and the aggregates
/// back; the same update on every rank.
class TrainingStep : public Algorithm, private MessageSink {
 public:
  /// \param skips_in_a_row of a resumed run: steps without an update, in a row, until now
  explicit TrainingStep(RunParts& parts, std::int64_t skips_in_a_row = 0) : parts_(parts), skips_in_a_row_(skips_in_a_row) {}

  void begin(StepRecord& record) override;
  void exchange(std::uint8_t flags, StepRecord& record) override;
  std::uint8_t heard() const override { return heard_; }
  Outcome update(StepRecord& record, bool wants_norm) override;
  std::int64_t skips_in_a_row() const override { return skips_in_a_row_; }

 private:
  void send(int round, std::uint8_t flags, const StepRecord& record);
  void complete(const Bucket& bucket) override;
  void between() override;
  void post(const Bucket& bucket);
  void hear(int round, StepRecord& record);
  bool accepts(const StepRecord& record) const;

  RunParts& parts_;
  StepClock* clock_ = nullptr;      // of the step under way
  std::uint32_t sending_ = 0;       // the agent whose messages become complete
  std::span<const float> result_;   // of the round before
  std::uint8_t heard_ = 0;
  std::int64_t skips_in_a_row_;
};

}  // namespace tersegrad
