// What a run writes while it goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "tersegrad/log/write/log.hpp"
#include "tersegrad/log/write/output_folder.hpp"
#include "tersegrad/train/checkpoint/checkpoint_schedule.hpp"
#include "tersegrad/train/checkpoint/checkpoint_writer.hpp"
#include "tersegrad/train/run_setup.hpp"

namespace tersegrad {

/// A run's log and, with --checkpoint-every or --checkpoint-minutes, its checkpoints; on rank 0.
class RunFiles {
 public:
  /// Claims the folder and begins the log; takes the log out of `setup`. Where a record is held, setup.held receives the
  /// figures that the log already has.
  explicit RunFiles(RunSetup& setup);

  Log& log() { return *log_; }
  /// How many series the objective adds.
  std::size_t observables() const { return observables_; }

  /// Whether a checkpoint is to be taken after step `step`, which then counts as taken.
  bool checkpoint_due(std::int64_t step);
  /// Starts to write it. \throws Error of the last write
  void save(Snapshot snapshot) { checkpoints_->writer.start(std::move(snapshot)); }
  /// Until nothing is being written. \throws Error of the last write
  void await_checkpoint() {
    if (checkpoints_) checkpoints_->writer.wait();
  }

 private:
  struct Checkpoints {
    Checkpoints(const TrainConfig& config, std::int64_t step)
        : schedule(config, step), writer(config.out, config.keep), by_steps(config.checkpoint_every > 0), last(config.steps) {}
    CheckpointSchedule schedule;
    CheckpointWriter writer;
    bool by_steps;      // else by the clock
    std::int64_t last;  // the run's last step, which has a checkpoint in any case
  };

  std::optional<OutputFolder> folder_;  // none without --out
  std::unique_ptr<Log> log_;
  std::size_t observables_;
  std::optional<Checkpoints> checkpoints_;
};

/// On rank 0; null elsewhere. Collective: only once every rank is sure that it can run, for --overwrite removes an old run.
/// \throws CollectiveError
std::unique_ptr<RunFiles> open_run_files(const Communicator& comm, RunSetup& setup);

}  // namespace tersegrad
