// The end of a run, and what is saved for one that goes on.
#include <optional>
#include <span>
#include <utility>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/system/process_memory.hpp"
#include "tersegrad/train/checkpoint/snapshot.hpp"
#include "tersegrad/train/run.hpp"

namespace tersegrad {

/// What the run has counted until now, its past included. Collective; complete on rank 0.
RunCounters Run::counters() {
  RunCounters now;
  static_cast<RunTotals&>(now) = result_;
  now.records = records_;
  now.skips_in_a_row = algorithm_.skips_in_a_row();
  Elapsed mean = elapsed();
  mean_over_hosts(comm_, setup_.map, std::span(&mean, 1));
  now.elapsed_s = past_.elapsed_s + mean.wall_s;
  now.evaluation_s = past_.evaluation_s + (mean.wall_s - mean.steps_s);
  now.time = mean.parts;
  now.time += past_.time;
  now.links = {};
  if (setup_.parts && setup_.parts->exchange->knows_its_links()) now.links = measurement_.total(comm_, setup_.map);
  if (past_.steps > 0) now.links = now.links && past_.links ? std::optional(*now.links + *past_.links) : std::nullopt;
  return now;
}

/// Takes a snapshot and starts to write it. Collective, after a step and its record. \param now counters()
void Run::save(RunCounters now) {
  const Stopwatch watch;
  recorder_.flush();
  if (files_) {
    files_->log().flush();
    files_->await_checkpoint();  // not two snapshots in memory
  }
  now.records = records_;
  auto snapshot = take_snapshot(comm_, *setup_.parts, now, held_.values());
  if (files_) files_->save(std::move(snapshot));
  evaluation_s_ += watch.seconds();
}

/// A signal ended the run: everything is in a checkpoint, and the log stays as it is for the run that goes on.
void Run::stop_resumable() {
  save(counters());
  if (files_) files_->await_checkpoint();
  result_.resumable = true;
  comm_.barrier();
}

/// After the last step, in an order in which a signal or a kill costs the least: the log, the checkpoint, the evaluation
/// (whose record the checkpoint holds), the summary.
void Run::finish() {
  RunCounters now = counters();
  result_.links = now.links;
  result_.parameters_fingerprint = fingerprint(bytes_of(std::span<const float>(setup_.objective->parameters())));
  require_same(comm_, hex(result_.parameters_fingerprint), "the parameters after the last step",
               setup_.differences.empty()
                   ? "this should not be possible: please report it"
                   : "the likely cause: they compute on different kinds (" + setup_.differences + ")");
  const bool stepped = result_.steps > past_.steps;  // else all that is left of the run is its end
  const bool stopped = stepped && held_.held();      // in the evaluation of this step, and without checkpoints
  if (stepped && !stopped) {
    if (result_.evaluates()) {
      held_.hold(record_);
    } else {
      add_record();  // the last step is always logged
    }
  }
  recorder_.flush();
  if (files_) files_->log().flush();
  // The summary, and what a checkpoint counts, say what the last record says, to the last digit.
  const Elapsed& took = recorder_.latest();
  now.elapsed_s = took.wall_s;
  now.evaluation_s = took.wall_s - took.steps_s;
  result_.total_s = took.steps_s;
  result_.time = now.time = took.parts;
  // Also for a longer run that goes on from here (--resume with more --steps).
  if (stepped && config_.checkpoints() && !result_.diverged && !result_.interrupted) {
    save(now);
    if (files_) files_->await_checkpoint();
  }
  if (held_.held() && (stopped || !evaluate())) {
    result_.unevaluated = !result_.interrupted;
    result_.interrupted = true;
    result_.resumable = config_.checkpoints() && !result_.diverged;
    held_.release();
  }
  result_.test = held_.test();
  measure_memory();
  if (!files_) return;
  files_->await_checkpoint();
  files_->log().finish(result_.summary());
}

void Run::measure_memory() {
  if (!setup_.parts) return;
  const std::int64_t peak = peak_memory_bytes();
  std::int64_t peaks[3] = {peak, comm_.rank() == 0 ? peak : 0,
                           static_cast<std::int64_t>(setup_.parts->exchange->peak_buffer_bytes())};
  comm_.max(std::span<std::int64_t>(peaks));
  result_.memory_peak_bytes = peaks[0];
  result_.memory_peak_rank0_bytes = peaks[1];
  result_.exchange_buffer_peak_bytes = peaks[2];
}

}  // namespace tersegrad
