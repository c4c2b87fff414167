// What one step did.
#pragma once

#include <cstdint>
#include <vector>

#include "tersegrad/comm/exchange/traffic.hpp"
#include "tersegrad/train/records/elapsed.hpp"
#include "tersegrad/train/records/test_figures.hpp"
#include "tersegrad/train/records/time_split.hpp"

namespace tersegrad {

/// One step, as rank 0 knows it (elsewhere only `time` and `elapsed` matter).
struct StepRecord {
  std::int64_t step = 0;  ///< counted from 1: updates made, this one included
  double loss = 0;    ///< mean over agents, before the update
  double learning_rate = 0;
  double update_norm = 0;  ///< ‖aggregated update‖₂
  Traffic traffic;        ///< of this step
  std::vector<Traffic> traffic_of_parts;  ///< the same by part of the compressor (BucketPlan::parts)
  Traffic traffic_total;  ///< of the run so far, this step included
  std::int64_t nonfinite_agents = 0;
  TimeSplit time;   ///< of this step, on this rank
  Elapsed elapsed;  ///< until the end of this step, on this rank since this process began the steps
  Evaluation test;  ///< after the update; NaN where none was made
  std::vector<double> observed;  ///< the objective's observables; empty except on rank 0
  std::vector<double> noise;     ///< the noise report's columns; empty without one and except on rank 0
};

}  // namespace tersegrad
