// What a run adds up.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "tersegrad/comm/exchange/traffic.hpp"
#include "tersegrad/train/records/measured_traffic.hpp"
#include "tersegrad/train/records/noise_measurement.hpp"
#include "tersegrad/train/records/step_record.hpp"
#include "tersegrad/train/records/time_split.hpp"

namespace tersegrad {

/// The sums and the figures of a run up to some step; complete on rank 0. Steps add to them, the log repeats them in its
/// records, checkpoints save them, and the summary says them.
struct RunTotals {
  std::int64_t steps = 0;            ///< done, the skipped ones included
  std::int64_t nonfinite_steps = 0;  ///< with an agent whose gradient had inf or NaN
  double loss_first = std::numeric_limits<double>::quiet_NaN();  ///< of step 1
  double loss_last = std::numeric_limits<double>::quiet_NaN();
  Traffic traffic;                   ///< over all agents
  std::vector<Traffic> traffic_of_parts;  ///< the same by part of the compressor; empty where it has one part
  std::optional<LinkTraffic> links;  ///< where the interfaces are watched
  TimeSplit time;                    ///< of this rank; once a run or a checkpoint is complete, the mean over the hosting ranks
  std::int64_t noise_reports = 0;    ///< made
  NoiseMeasurement noise_measured;   ///< by the last of them

  /// A step is done: its counts, loss, bytes and time.
  void add(const StepRecord& step) {
    steps = step.step;
    if (step.nonfinite_agents > 0) ++nonfinite_steps;
    if (step.step == 1) loss_first = step.loss;
    loss_last = step.loss;
    traffic += step.traffic;
    if (step.traffic_of_parts.size() > 1) {
      traffic_of_parts.resize(step.traffic_of_parts.size());
      for (std::size_t part = 0; part < traffic_of_parts.size(); ++part) traffic_of_parts[part] += step.traffic_of_parts[part];
    }
    time += step.time;
  }
};

}  // namespace tersegrad
