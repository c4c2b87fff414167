// Times a step by scopes: each names the part of TimeSplit that its time belongs to.
#pragma once

#include <utility>

#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/train/records/time_split.hpp"

namespace tersegrad {

/// Time belongs to the innermost scope alone: what a scope calls in a scope of its own is not counted twice, and what lies in
/// no scope is not counted.
class StepClock {
 public:
  explicit StepClock(TimeSplit& split) : split_(split) {}

  class Scope {
   public:
    Scope(StepClock& clock, double TimeSplit::* part) : clock_(clock), outer_(clock.enter(part)) {}
    ~Scope() { clock_.enter(outer_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    StepClock& clock_;
    double TimeSplit::* outer_;
  };
  Scope time(double TimeSplit::* part) { return {*this, part}; }

 private:
  double TimeSplit::* enter(double TimeSplit::* part) {
    const double seconds = watch_.lap();
    if (part_ != nullptr) split_.*part_ += seconds;
    return std::exchange(part_, part);
  }

  TimeSplit& split_;
  double TimeSplit::* part_ = nullptr;
  Stopwatch watch_;
};

}  // namespace tersegrad
