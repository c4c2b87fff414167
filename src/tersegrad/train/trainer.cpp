#include "tersegrad/train/trainer.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include "tersegrad/comm/monitor/link_rate.hpp"
#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/comm/monitor/watchdog.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/system/process_memory.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/train/checkpoint/checkpoint_schedule.hpp"
#include "tersegrad/train/checkpoint/checkpoint_writer.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"
#include "tersegrad/train/checkpoint/snapshot.hpp"
#include "tersegrad/train/compute_history.hpp"
#include "tersegrad/train/noise_report/noise_report.hpp"
#include "tersegrad/train/records/measured_traffic.hpp"
#include "tersegrad/train/report/held_record.hpp"
#include "tersegrad/train/report/recorder.hpp"
#include "tersegrad/train/report/run_log.hpp"
#include "tersegrad/train/step/run_parts.hpp"
#include "tersegrad/train/step/step.hpp"

namespace tersegrad {
namespace {

/// Seconds between the times at which rank 0 asks for the ranks' timings.
constexpr double report_every_s = 0.5;

class Run {
 public:
  Run(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective,
      CheckpointFile* start)
      : comm_(comm), stalls_(comm, config.stall_timeout) {
    set_up(config, make_objective, start);
  }

  RunResult run();

 private:
  void set_up(const TrainConfig& given, const ObjectiveFactory& make_objective, CheckpointFile* start);
  void resume(const RunCounters& past);
  void open_log(std::vector<double>& held);
  bool step(std::uint64_t k);
  void observe();
  void report_noise(std::uint64_t k, std::span<const float> shared);
  bool record(bool updated);
  void add_record();
  bool evaluate();
  bool go_on_from_held();
  bool evaluation_due(std::int64_t step) const {
    return result_.evaluates() && config().eval_every > 0 && step % config().eval_every == 0;
  }
  bool logged(std::int64_t step) const { return step == 1 || step % config().log_every == 0 || noise_due(step); }
  bool noise_due(std::int64_t step) const { return config().noise_report > 0 && step % config().noise_report == 0; }
  std::uint8_t control();
  RunCounters counters();
  Elapsed elapsed() const;
  void save(RunCounters now);
  void stop_resumable();
  void finish();
  const TrainConfig& config() const { return parts_->config; }

  const StopSignal signals_;
  const Communicator& comm_;
  Watchdog stalls_;
  std::optional<RunParts> parts_;
  std::optional<Step> algorithm_;
  std::optional<NoiseReport> noise_report_;
  std::optional<OutputFolder> folder_;  // rank 0
  std::optional<Log> log_;              // rank 0
  std::optional<Recorder> recorder_;
  std::optional<HeldRecord> held_;
  std::optional<CheckpointSchedule> checkpoints_;  // rank 0
  std::optional<CheckpointWriter> writer_;         // rank 0
  std::size_t observables_ = 0;  // on rank 0: how many series the objective adds
  RunCounters past_;             // of a resumed run, until it was taken up again
  RunResult result_;
  StepRecord record_;
  std::string differences_;   // between the ranks' processors and libraries
  std::int64_t records_ = 0;  // handed to the recorder
  Stopwatch since_start_, since_report_;
  std::optional<TrafficMeasurement> measurement_;
  double evaluation_s_ = 0;  // and noise reports, and checkpoints
};

void Run::set_up(const TrainConfig& given, const ObjectiveFactory& make_objective, CheckpointFile* start) {
  require_same(comm_, given.lines(), "the options", "start every rank with the same command");
  std::int64_t resumed = start != nullptr ? 1 : 0;  // on rank 0
  comm_.sum(std::span<std::int64_t>(&resumed, 1));
  collectively(comm_, [&] {
    parts_.emplace(comm_, given, make_objective);
    if (config().noise_report > 0) {
      noise_report_.emplace(comm_, parts_->map(), *parts_->agents, parts_->objective->layout(), config().seed,
                            config().batch == 0 ? config().noise_batch : config().batch);
    }
    Log log(given.sinks.empty() ? Log::default_sinks() : given.sinks);
    if (comm_.rank() == 0) log_.emplace(std::move(log));
  });
  result_ = RunResult(config(), *parts_->compressor, *parts_->noise, parts_->objective->layout(), comm_.size());
  result_.has_server = parts_->exchange->has_server();
  differences_ = compare_compute(comm_, *parts_, result_, start);
  // Every replica starts from the same bits, also where the ranks' LibTorch versions differ.
  make_same(comm_, bytes_of(parts_->objective->parameters()));
  if (config().eval_every >= 0) result_.test_rows = parts_->objective->test_rows();
  std::vector<double> held;  // on rank 0: the record that the checkpoint's step has yet to get
  if (resumed > 0) {
    resume(restore_snapshot(comm_, *parts_, start != nullptr ? &start->view : nullptr));
    collectively(comm_, [&] {
      if (start != nullptr) held = held_record_of(start->view);
    });
    if (start != nullptr) *start = CheckpointFile();  // its memory
  }
  algorithm_.emplace(*parts_, past_.skips_in_a_row);
  if (StopSignal::on_any_rank(comm_)) {
    result_.interrupted = result_.unstarted = true;
    return;
  }
  // Only once every rank is sure that it can run: --overwrite removes an old run.
  collectively(comm_, [&] {
    if (comm_.rank() != 0) return;
    open_log(held);
    if (!config().checkpoints()) return;
    checkpoints_.emplace(config(), past_.steps);
    writer_.emplace(config().out, config().keep);
  });
  result_.link = measure_link(comm_);
  const Elapsed past{past_.elapsed_s, past_.elapsed_s - past_.evaluation_s, past_.time};
  recorder_.emplace(comm_, parts_->map(), log_ ? &*log_ : nullptr, result_.evaluates(), past);
  held_.emplace(comm_, *parts_, *recorder_, log_ ? &*log_ : nullptr);
  if (resumed > 0) held_->take_up(std::move(held));
}

/// Takes up the sums of the run so far.
void Run::resume(const RunCounters& past) {
  past_ = past;
  result_.steps = past.steps;
  records_ = past.records;
  result_.nonfinite_steps = past.nonfinite_steps;
  result_.loss_first = past.loss_first;
  result_.loss_last = past.loss_last;
  result_.traffic = past.traffic;
  result_.noise_reports = past.noise_reports;
  result_.noise_measured = past.noise_measured;
}

/// \param held of a resumed run; receives the figures that the log already has
void Run::open_log(std::vector<double>& held) {
  auto series = parts_->objective->observables();
  observables_ = series.size();
  if (config().noise_report > 0) {
    const auto columns = NoiseMeasurement::columns();
    series.insert(series.end(), columns.begin(), columns.end());
  }
  const std::size_t columns = Recorder::columns(result_.evaluates()).size() + series.size();
  TERSEGRAD_CHECK(held.empty() || (held.size() == columns && result_.evaluates()), "a checkpoint's record has ",
                  held.size(), " values (this program's have ", columns, ")");
  auto logged = begin_run_log(*log_, folder_, result_, series, {past_.steps, past_.records, !held.empty()});
  if (logged) held = std::move(*logged);
}

RunResult Run::run() {
  if (result_.unstarted) return result_;
  comm_.barrier();  // nobody is still sending what belongs to the start
  measurement_.emplace(comm_);
  since_start_.lap();
  if (held_->held() && past_.steps < config().steps && !go_on_from_held()) {
    result_.interrupted = true;
    stop_resumable();
    return result_;
  }
  for (std::int64_t k = past_.steps; k < config().steps; ++k) {
    const bool updated = step(static_cast<std::uint64_t>(k));
    result_.steps = k + 1;
    const bool last = result_.steps == config().steps;
    result_.interrupted = (algorithm_->heard() & flag_stop) != 0 && !last;
    if (result_.diverged || last || (result_.interrupted && !config().checkpoints())) break;
    if (!record(updated)) result_.interrupted = true;
    if (result_.interrupted && !config().checkpoints()) break;
    if (result_.interrupted) {
      stop_resumable();
      return result_;
    }
    if ((algorithm_->heard() & flag_checkpoint) != 0) save(counters());
  }
  finish();
  return result_;
}

/// What this rank says to all others with its messages.
std::uint8_t Run::control() {
  std::uint8_t flags = StopSignal::received() != 0 ? flag_stop : 0;
  if (comm_.rank() == 0 && since_report_.seconds() > report_every_s) {
    flags |= flag_report;
    since_report_.lap();
  }
  // While one is being written, one that is due by the clock can wait; one that is asked for by its step is taken
  // there.
  if (checkpoints_ && checkpoints_->due(record_.step) && record_.step < config().steps &&
      (config().checkpoint_every > 0 || writer_->idle())) {
    flags |= flag_checkpoint;
    checkpoints_->taken(record_.step);
  }
  return flags;
}

/// Since this process began the steps, on this rank.
Elapsed Run::elapsed() const {
  const double wall_s = since_start_.seconds();
  return {wall_s, wall_s - evaluation_s_, result_.time};
}

/// Collective; complete on rank 0.
RunCounters Run::counters() {
  RunCounters now;
  now.steps = result_.steps;
  now.records = records_;
  now.nonfinite_steps = result_.nonfinite_steps;
  now.skips_in_a_row = algorithm_->skips_in_a_row();
  now.loss_first = result_.loss_first;
  now.loss_last = result_.loss_last;
  Elapsed mean = elapsed();
  mean_over_hosts(comm_, parts_->map(), std::span(&mean, 1));
  now.elapsed_s = past_.elapsed_s + mean.wall_s;
  now.evaluation_s = past_.evaluation_s + (mean.wall_s - mean.steps_s);
  now.traffic = result_.traffic;
  now.time = mean.parts;
  now.time += past_.time;
  if (parts_->exchange->knows_its_links()) now.links = measurement_->total(comm_, parts_->map());
  if (past_.steps > 0) now.links = now.links && past_.links ? std::optional(*now.links + *past_.links) : std::nullopt;
  now.noise_reports = result_.noise_reports;
  now.noise_measured = result_.noise_measured;
  return now;
}

/// Takes a snapshot and starts to write it. Collective, behind a step and its record. \param now counters()
void Run::save(RunCounters now) {
  const Stopwatch watch;
  recorder_->flush();
  if (log_) log_->flush();
  if (writer_) writer_->wait();  // not two snapshots in memory
  now.records = records_;
  auto snapshot = take_snapshot(comm_, *parts_, now, held_->values());
  if (writer_) writer_->start(std::move(snapshot));
  evaluation_s_ += watch.seconds();
}

/// A signal ended the run: everything is in a checkpoint, and the log stays as it is for the run that goes on.
void Run::stop_resumable() {
  save(counters());
  if (writer_) writer_->wait();
  result_.resumable = true;
  comm_.barrier();
}

/// \return whether x was updated
bool Run::step(std::uint64_t k) {
  record_ = StepRecord();
  record_.step = static_cast<std::int64_t>(k) + 1;
  Watchdog::begin_step(record_.step);

  const std::uint8_t flags = control();
  algorithm_->begin(k, record_);
  if (noise_report_) report_noise(k, algorithm_->shared_gradient());
  algorithm_->exchange(k, flags, record_);
  if (observables_ > 0) observe();
  const auto outcome = algorithm_->update(record_, log_ && logged(record_.step));
  result_.diverged = outcome == Step::Outcome::diverged;
  if (record_.nonfinite_agents > 0) ++result_.nonfinite_steps;
  result_.traffic += record_.traffic;
  result_.time += record_.time;
  record_.traffic_total = result_.traffic;
  record_.elapsed = elapsed();
  if (k == 0) result_.loss_first = record_.loss;
  result_.loss_last = record_.loss;
  return outcome == Step::Outcome::updated;
}

/// Before the update: what is observed belongs to the x of the step's loss.
void Run::observe() {
  // Whether this is the last step is known only afterwards, and the last step is logged.
  const bool may_be_last = record_.step == config().steps || !std::isfinite(record_.loss) ||
                           record_.nonfinite_agents > 0 || (algorithm_->heard() & flag_stop) != 0;
  record_.observed.assign(observables_, std::numeric_limits<double>::quiet_NaN());
  if (logged(record_.step) || may_be_last) parts_->objective->observe(record_.observed);
}

/// Before the update, so that it belongs to the x of the step's loss; its time is not the algorithm's.
void Run::report_noise(std::uint64_t k, std::span<const float> shared) {
  if (noise_due(record_.step)) {
    const Stopwatch watch;
    result_.noise_measured = noise_report_->measure(k, shared);
    ++result_.noise_reports;
    if (comm_.rank() == 0) record_.noise = result_.noise_measured.values();
    evaluation_s_ += watch.seconds();
  } else if (comm_.rank() == 0) {
    record_.noise = NoiseMeasurement().values();
  }
}

/// Evaluates where it is due and logs the step. \return false where a signal ended the evaluation: the record is held
bool Run::record(bool updated) {
  if (updated && evaluation_due(record_.step)) {
    held_->hold(record_);
    return evaluate();
  }
  if (logged(record_.step)) add_record();
  if ((algorithm_->heard() & flag_report) != 0) recorder_->flush();
  return true;
}

/// Evaluates for the record that is held. \return as HeldRecord
bool Run::evaluate() {
  const Stopwatch watch;
  const bool done = held_->evaluate();
  evaluation_s_ += watch.seconds();
  if (done) ++records_;
  return done;
}

/// The record that the checkpoint holds is one of several steps: it is evaluated if that is due there, or was done.
/// \return as evaluate()
bool Run::go_on_from_held() {
  if (held_->has_figures() || evaluation_due(past_.steps)) return evaluate();
  held_->release();
  ++records_;
  return true;
}

void Run::add_record() {
  recorder_->add(record_);
  ++records_;
}

/// Behind the last step, in an order in which a signal or a kill costs the least: the log, the checkpoint, the evaluation
/// (whose record the checkpoint holds), the summary.
void Run::finish() {
  RunCounters now = counters();
  result_.links = now.links;
  result_.parameters_fingerprint = fingerprint(bytes_of(std::span<const float>(parts_->objective->parameters())));
  require_same(comm_, hex(result_.parameters_fingerprint), "the parameters after the last step",
               differences_.empty() ? "this should not be possible: please report it"
                                    : "the likely cause: they compute on different kinds (" + differences_ + ")");
  const bool stepped = result_.steps > past_.steps;      // else all that is left of the run is its end
  const bool stopped = stepped && held_->held();        // in the evaluation of this step, and without checkpoints
  if (stepped && !stopped) {
    if (result_.evaluates()) {
      held_->hold(record_);
    } else {
      add_record();  // the last step is always logged
    }
  }
  recorder_->flush();
  if (log_) log_->flush();
  // The summary, and what a checkpoint counts, say what the last record says, to the last digit.
  const Elapsed& took = recorder_->latest();
  now.elapsed_s = took.wall_s;
  now.evaluation_s = took.wall_s - took.steps_s;
  result_.total_s = took.steps_s;
  result_.time = now.time = took.parts;
  // Also for a longer run that goes on from here (--resume with more --steps).
  if (stepped && config().checkpoints() && !result_.diverged && !result_.interrupted) {
    save(now);
    if (writer_) writer_->wait();
  }
  if (held_->held() && (stopped || !evaluate())) {
    result_.unevaluated = !result_.interrupted;
    result_.interrupted = true;
    result_.resumable = config().checkpoints() && !result_.diverged;
    held_->release();
  }
  result_.test = held_->test();

  const std::int64_t peak = peak_memory_bytes();
  std::int64_t peaks[3] = {peak, comm_.rank() == 0 ? peak : 0,
                           static_cast<std::int64_t>(parts_->exchange->peak_buffer_bytes())};
  comm_.max(std::span<std::int64_t>(peaks));
  result_.memory_peak_bytes = peaks[0];
  result_.memory_peak_rank0_bytes = peaks[1];
  result_.exchange_buffer_peak_bytes = peaks[2];
  if (writer_) writer_->wait();
  if (log_) log_->finish(result_.summary());
}

}  // namespace

RunResult train(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective,
                CheckpointFile* start) {
  return Run(comm, config, make_objective, start).run();
}

}  // namespace tersegrad
