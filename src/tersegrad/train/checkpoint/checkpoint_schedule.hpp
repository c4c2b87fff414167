// When the next checkpoint is due.
#pragma once

#include <cstdint>

#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/train/options/config.hpp"

namespace tersegrad {

/// Every so many steps (at multiples), or every so many minutes of the steady clock.
class CheckpointSchedule {
 public:
  /// \param step the step that the run begins behind
  CheckpointSchedule(const TrainConfig& config, std::int64_t step)
      : every_(config.checkpoint_every), seconds_(60 * config.checkpoint_minutes) {
    taken(step);
  }
  /// Also true long after the moment, where a checkpoint had to wait.
  bool due(std::int64_t step) const { return every_ > 0 ? step >= next_ : since_last_.seconds() >= seconds_; }
  void taken(std::int64_t step) {
    if (every_ > 0) next_ = (step / every_ + 1) * every_;
    since_last_.lap();
  }

 private:
  std::int64_t every_;
  double seconds_;
  std::int64_t next_ = 0;
  Stopwatch since_last_;
};

}  // namespace tersegrad
