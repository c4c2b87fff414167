// What makes the steps of a run.
#pragma once

#include <cstdint>

#include "tersegrad/train/records/step_record.hpp"

namespace tersegrad {

/// The distributed algorithm (TrainingStep), or the SDE that stands for it (SdeStep). A step is begin, exchange, update, in this
/// order; between them x is that of the step's loss. Every rank calls them alike: begin and exchange communicate, and what
/// update decides follows from what every rank has seen alike.
///
/// Steps count from 1 everywhere: in records, logs, headers and messages. What is drawn in step s is draw s − 1 of its stream,
/// and its learning rate is the schedule's at s − 1.
class Algorithm {
 public:
  enum class Outcome {
    updated,   ///< x moved
    skipped,   ///< non-finite, and --nonfinite skip left x as it was
    diverged,  ///< the run is over
  };
  virtual ~Algorithm() = default;

  /// The gradient that all agents share, where there is one. \param record its step is which
  virtual void begin(StepRecord& record) = 0;
  /// What the ranks have to tell each other. Fills in the record's loss, traffic and agents with non-finite values.
  /// \param flags of ControlFlag: what this rank says to all with its messages
  virtual void exchange(std::uint8_t flags, StepRecord& record) = 0;
  /// What the ranks said: the last step's flags of all of them, the same on every rank.
  virtual std::uint8_t heard() const = 0;

  /// Moves x, unless what was seen forbids it. \param wants_norm whether to fill in record.update_norm
  virtual Outcome update(StepRecord& record, bool wants_norm) = 0;
  /// Steps without an update, in a row, until now.
  virtual std::int64_t skips_in_a_row() const { return 0; }
};

}  // namespace tersegrad
