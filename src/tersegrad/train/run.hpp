// The loop of a run, from its first step to its summary.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/train/records/elapsed.hpp"
#include "tersegrad/train/records/measured_traffic.hpp"
#include "tersegrad/train/records/run_counters.hpp"
#include "tersegrad/train/records/step_record.hpp"
#include "tersegrad/train/report/held_record.hpp"
#include "tersegrad/train/report/recorder.hpp"
#include "tersegrad/train/report/result.hpp"
#include "tersegrad/train/run_files.hpp"
#include "tersegrad/train/run_setup.hpp"

namespace tersegrad {

/// Steps, evaluations, records and checkpoints of one run, whatever algorithm makes its steps. Made and called alike on
/// every rank.
class Run {
 public:
  /// Opens the log. Collective. \param comm, setup outlive this object  \throws CollectiveError
  Run(const Communicator& comm, RunSetup& setup);

  /// Collective. \return the outcome, complete on rank 0 \throws Error on one rank for what fails in mid-run
  RunResult run();

 private:
  const Communicator& after_start();
  bool step(std::int64_t number);
  void observe();
  void report_noise();
  bool record(bool updated);
  void add_record();
  bool evaluate();
  bool go_on_from_held();
  std::uint8_t control();
  Elapsed elapsed() const;
  bool evaluation_due(std::int64_t step) const {
    return result_.evaluates() && config_.eval_every > 0 && step % config_.eval_every == 0;
  }
  bool logged(std::int64_t step) const { return step == 1 || step % config_.log_every == 0 || noise_due(step); }
  bool noise_due(std::int64_t step) const { return config_.noise_report > 0 && step % config_.noise_report == 0; }
  Log* log() const { return files_ ? &files_->log() : nullptr; }

  // The end (run_end.cpp).
  RunCounters counters();
  void save(RunCounters now);
  void stop_resumable();
  void finish();
  void measure_memory();

  const Communicator& comm_;
  RunSetup& setup_;
  const TrainConfig& config_;
  Algorithm& algorithm_;
  RunResult& result_;
  const RunCounters& past_;          // of a resumed run
  std::unique_ptr<RunFiles> files_;  // rank 0
  Recorder recorder_;
  HeldRecord held_;
  StepRecord record_;
  std::int64_t records_;  // handed to the recorder
  Stopwatch since_report_;
  TrafficMeasurement measurement_;
  Stopwatch since_start_;
  double evaluation_s_ = 0;  // and noise reports, and checkpoints
};

/// The run that was set up, unless a signal came meanwhile: then nothing is written. Collective.
/// \return the outcome, complete on rank 0
RunResult run_to_end(const Communicator& comm, RunSetup& setup);

}  // namespace tersegrad
