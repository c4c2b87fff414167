#include "tersegrad/train/run.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "tersegrad/comm/monitor/link_rate.hpp"
#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/comm/monitor/watchdog.hpp"

namespace tersegrad {
namespace {

/// Seconds between the times at which rank 0 asks for the ranks' timings.
constexpr double report_every_s = 0.5;

/// What a resumed run took before.
Elapsed elapsed_of(const RunCounters& past) { return {past.elapsed_s, past.elapsed_s - past.evaluation_s, past.time}; }

}  // namespace

Run::Run(const Communicator& comm, RunSetup& setup)
    : comm_(comm), setup_(setup), config_(setup.config), algorithm_(*setup.algorithm), result_(setup.result),
      past_(setup.past), files_(open_run_files(comm, setup)),
      recorder_(comm, setup.map, log(), result_.evaluates(), elapsed_of(past_)),
      held_(comm, setup.map, *setup.objective, recorder_, log()), records_(past_.records),
      since_report_(setup.since_start), measurement_(after_start()) {}

/// The last things before the first step, which is not to count them. \return the ranks
const Communicator& Run::after_start() {
  if (setup_.parts) result_.link = measure_link(comm_);
  if (setup_.resumed) held_.take_up(std::move(setup_.held));
  comm_.barrier();  // nobody is still sending what belongs to the start
  return comm_;
}

RunResult Run::run() {
  if (held_.held() && past_.steps < config_.steps && !go_on_from_held()) {
    result_.interrupted = true;
    stop_resumable();
    return result_;
  }
  for (std::int64_t number = past_.steps + 1; number <= config_.steps; ++number) {
    const bool updated = step(number);
    const bool last = result_.steps == config_.steps;
    result_.interrupted = (algorithm_.heard() & control_stop) != 0 && !last;
    if (result_.diverged || last || (result_.interrupted && !config_.checkpoints())) break;
    if (!record(updated)) result_.interrupted = true;
    if (result_.interrupted && !config_.checkpoints()) break;
    if (result_.interrupted) {
      stop_resumable();
      return result_;
    }
    if ((algorithm_.heard() & control_checkpoint) != 0) save(counters());
  }
  finish();
  return result_;
}

/// What this rank says to all others with its messages.
std::uint8_t Run::control() {
  std::uint8_t flags = StopSignal::received() != 0 ? control_stop : 0;
  if (comm_.rank() == 0 && since_report_.seconds() > report_every_s) {
    flags |= control_report;
    since_report_.lap();
  }
  if (files_ && files_->checkpoint_due(record_.step)) flags |= control_checkpoint;
  return flags;
}

/// Since this process began the steps, on this rank.
Elapsed Run::elapsed() const {
  const double wall_s = since_start_.seconds();
  return {wall_s, wall_s - evaluation_s_, result_.time};
}

/// \return whether x was updated
bool Run::step(std::int64_t number) {
  record_ = StepRecord();
  record_.step = number;
  Watchdog::begin_step(record_.step);

  const std::uint8_t flags = control();
  algorithm_.begin(record_);
  if (setup_.noise_report) report_noise();
  algorithm_.exchange(flags, record_);
  if (files_ && files_->observables() > 0) observe();
  const auto outcome = algorithm_.update(record_, files_ && logged(record_.step));
  result_.diverged = outcome == Algorithm::Outcome::diverged;
  result_.add(record_);
  record_.traffic_total = result_.traffic;
  record_.elapsed = elapsed();
  return outcome == Algorithm::Outcome::updated;
}

/// Before the update: what is observed belongs to the x of the step's loss.
void Run::observe() {
  // Whether this is the last step is known only afterwards, and the last step is logged.
  const bool may_be_last = record_.step == config_.steps || !std::isfinite(record_.loss) ||
                           record_.nonfinite_agents > 0 || (algorithm_.heard() & control_stop) != 0;
  record_.observed.assign(files_->observables(), std::numeric_limits<double>::quiet_NaN());
  if (logged(record_.step) || may_be_last) setup_.objective->observables()->observe(record_.observed);
}

/// Before the update, so that it belongs to the x of the step's loss; its time is not the algorithm's.
void Run::report_noise() {
  if (noise_due(record_.step)) {
    const Stopwatch watch;
    result_.noise_measured = setup_.noise_report->measure(record_.step);
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
    held_.hold(record_);
    return evaluate();
  }
  if (logged(record_.step)) add_record();
  if ((algorithm_.heard() & control_report) != 0) recorder_.flush();
  return true;
}

/// Evaluates for the record that is held. \return as HeldRecord
bool Run::evaluate() {
  const Stopwatch watch;
  const bool done = held_.evaluate();
  evaluation_s_ += watch.seconds();
  if (done) ++records_;
  return done;
}

/// The record that the checkpoint holds is one of several steps: it is evaluated if that is due there, or was done.
/// \return as evaluate()
bool Run::go_on_from_held() {
  if (held_.has_figures() || evaluation_due(past_.steps)) return evaluate();
  held_.release();
  ++records_;
  return true;
}

void Run::add_record() {
  recorder_.add(record_);
  ++records_;
}

RunResult run_to_end(const Communicator& comm, RunSetup& setup) {
  if (StopSignal::on_any_rank(comm)) {
    setup.result.interrupted = setup.result.unstarted = true;
    return setup.result;
  }
  return Run(comm, setup).run();
}

}  // namespace tersegrad
