// Learning-rate schedules: a factor on --lr as a function of the step.
#pragma once

#include <cstdint>

#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// A schedule's factor; the learning rate at step s is lr · factor(s) · warm-up(s).
class Schedule {
 public:
  static constexpr const char* family = "schedule";
  virtual ~Schedule() = default;
  /// \param step  0, …, steps − 1, counted behind the warm-up
  /// \param steps planned steps behind the warm-up, ≥ 1
  virtual double factor(std::uint64_t step, std::uint64_t steps) const = 0;
};

using ScheduleRegistry = Registry<Schedule>;

/// Linear warm-up over the first `warmup` steps, (s+1)/warmup, then the schedule over the rest. Immutable.
class LearningRate {
 public:
  /// \throws Error unless lr is finite and positive
  LearningRate(double lr, std::uint64_t steps, std::uint64_t warmup, const std::string& schedule);
  double at(std::uint64_t step) const;

 private:
  double lr_;
  std::uint64_t steps_, warmup_;
  std::unique_ptr<Schedule> schedule_;
};

}  // namespace tersegrad
