// What a run has before its first step.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/log/write/log.hpp"
#include "tersegrad/train/checkpoint/checkpoint.hpp"
#include "tersegrad/train/noise_report/noise_report.hpp"
#include "tersegrad/train/objectives/objective_factory.hpp"
#include "tersegrad/train/records/run_counters.hpp"
#include "tersegrad/train/report/result.hpp"
#include "tersegrad/train/step/algorithm.hpp"
#include "tersegrad/train/step/run_parts.hpp"

namespace tersegrad {

/// Everything that a run needs on one rank, alike on every rank; what only rank 0 has is said. No file was touched yet.
struct RunSetup {
  Stopwatch since_start;                     ///< of the set-up
  TrainConfig config;                        ///< with the number of agents resolved
  Objective* objective = nullptr;            ///< the parts', or the algorithm's own
  AgentMap map{1, 0, 1};                     ///< the ranks that share evaluations, and whose times are averaged
  std::unique_ptr<RunParts> parts;           ///< what an exchange needs; null for an SDE
  std::unique_ptr<NoiseReport> noise_report; ///< null without --noise-report
  std::unique_ptr<Algorithm> algorithm;
  std::unique_ptr<Log> log;                  ///< on rank 0, not begun
  RunResult result;                          ///< what is known before the first step; a resumed run's totals
  RunCounters past;                          ///< of a resumed run; no steps: a new one
  bool resumed = false;
  std::vector<double> held;                  ///< of a resumed run, on rank 0: the record that its last step has yet to get
  std::string differences;                   ///< between the ranks' processors and libraries; "" if there are none
};

/// Makes the run that `given` describes, and sets it back to the checkpoint if there is one. Collective.
/// \param start on rank 0: the checkpoint, emptied once it is restored; elsewhere, and without one, null
/// \throws CollectiveError for anything wrong with the options, the data or the checkpoint
RunSetup set_up_training(const Communicator& comm, const TrainConfig& given, const ObjectiveFactory& make_objective,
                         CheckpointFile* start);

/// The log of config.sinks, on rank 0; elsewhere null, but made all the same: every rank finds what is wrong with them.
/// \throws Error
std::unique_ptr<Log> make_log(const Communicator& comm, const TrainConfig& config);

}  // namespace tersegrad
