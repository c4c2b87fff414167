#include "tersegrad/train/trainer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "tersegrad/comm/collectively.hpp"
#include "tersegrad/comm/exchange.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/process_memory.hpp"
#include "tersegrad/core/stopwatch.hpp"
#include "tersegrad/train/agents.hpp"
#include "tersegrad/train/full_gradient.hpp"
#include "tersegrad/train/measured_traffic.hpp"
#include "tersegrad/train/network_objective.hpp"
#include "tersegrad/train/noise_report.hpp"
#include "tersegrad/train/optimizer.hpp"
#include "tersegrad/train/recorder.hpp"
#include "tersegrad/train/run_log.hpp"
#include "tersegrad/train/schedule.hpp"
#include "tersegrad/train/stop_signal.hpp"

namespace tersegrad {
namespace {

/// Steps without an update, in a row, after which `--nonfinite skip` gives up.
constexpr int max_skips_in_a_row = 50;
/// Seconds between the times at which rank 0 asks for the ranks' timings.
constexpr double report_every_s = 0.5;

/// A value of the configuration with all its digits: two learning rates that differ in the last one differ.
std::string exact_text(const LogValue& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    char digits[40];
    return {digits, std::to_chars(digits, digits + sizeof digits, *number).ptr};
  }
  return std::visit([](const auto& other) { return concat(other); }, value);
}

/// Σ v², in eight lanes: one running sum would wait for each addition before the next.
double sum_of_squares(std::span<const float> values) {
  double lanes[8] = {};
  std::size_t j = 0;
  for (; j + 8 <= values.size(); j += 8) {
    for (std::size_t l = 0; l < 8; ++l) lanes[l] += static_cast<double>(values[j + l]) * static_cast<double>(values[j + l]);
  }
  for (; j < values.size(); ++j) lanes[0] += static_cast<double>(values[j]) * static_cast<double>(values[j]);
  double squares = 0;
  for (const double lane : lanes) squares += lane;
  return squares;
}

class Run {
 public:
  Run(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective)
      : comm_(comm), config_(config) {
    set_up(make_objective);
  }

  RunResult run();

 private:
  void set_up(const ObjectiveFactory& make_objective);
  void cut();
  void open_log();
  bool step(std::uint64_t k);
  void finish_exchange();
  void observe();
  void report_noise(std::uint64_t k, std::span<const float> shared);
  bool may_update();
  void apply();
  void record(bool updated);
  bool logged(std::int64_t step) const { return step == 1 || step % config_.log_every == 0 || noise_due(step); }
  bool noise_due(std::int64_t step) const { return config_.noise_report > 0 && step % config_.noise_report == 0; }
  void finish();

  const Communicator& comm_;
  TrainConfig config_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Noise> noise_;
  std::unique_ptr<Compressor> compressor_;
  std::unique_ptr<Aggregator> aggregator_;
  std::optional<LearningRate> learning_rate_;
  std::optional<Optimizer> optimizer_;
  std::optional<Agents> agents_;
  Transport transport_;
  std::optional<FullGradient> full_gradient_;
  std::optional<NoiseReport> noise_report_;
  std::optional<OutputFolder> folder_;  // rank 0
  std::optional<Log> log_;              // rank 0
  std::optional<Recorder> recorder_;
  std::vector<Bucket> buckets_;
  std::vector<Message> aggregates_;  // of the step, one a bucket: nothing is applied before all are known
  Buffer<float> decoded_;
  std::size_t observables_ = 0;  // on rank 0: how many series the objective adds
  RunResult result_;
  StepRecord record_;
  std::uint8_t seen_control_ = 0;  // of the last aggregate: the same on every rank
  std::int64_t nonfinite_agents_ = 0;
  int skips_in_a_row_ = 0;
  Stopwatch since_start_, since_report_;
  double evaluation_s_ = 0;  // and noise reports
};

void Run::set_up(const ObjectiveFactory& make_objective) {
  require_same(comm_, [&] {
    std::string text;
    for (const auto& field : config_.describe()) {
      text += field.key + " = " + exact_text(field.value) + "\n";
    }
    return text;
  }(), "the options", "start every rank with the same command");
  collectively(comm_, [&] {
    config_.validate();
    prepare_compute(config_.threads);
    learning_rate_.emplace(config_.lr, static_cast<std::uint64_t>(config_.steps), static_cast<std::uint64_t>(config_.warmup),
                           config_.schedule);
    noise_ = NoiseRegistry::instance().make(config_.noise);
    const ExchangeSetup setup{&comm_, static_cast<std::uint32_t>(config_.agents), config_.verify};
    exchange_ = ExchangeRegistry::instance().make(config_.exchange, setup);
    config_.agents = exchange_->map().agents();

    const auto& map = exchange_->map();
    objective_ = make_objective(config_, {map.begin(comm_.rank()), map.end(comm_.rank()), map.agents()});
    if (objective_->layout().replicas > 1) noise_ = noise_->replicated(objective_->layout().dim);
    const CompressorSetup compressor_setup{objective_->layout(), config_.seed, map.agents()};
    compressor_ = CompressorRegistry::instance().make(config_.compressor, compressor_setup);
    exchange_->require(*compressor_);
    aggregator_ = compressor_->aggregator();
    cut();
    agents_.emplace(AgentParts{&config_, objective_.get(), noise_.get(), compressor_.get(), buckets_},
                    map.begin(comm_.rank()), map.end(comm_.rank()));
    aggregates_.resize(buckets_.size());
    transport_ = {[this](const Bucket& bucket) {
                    exchange_->start_bucket({bucket, agents_->messages(bucket), &aggregates_[bucket.index]});
                  },
                  [this] { exchange_->progress(); }};
    optimizer_.emplace(OptimizerOptions{config_.momentum, config_.weight_decay}, objective_->layout().total());
    if (config_.batch == 0) full_gradient_.emplace(comm_, *objective_);
    if (config_.noise_report > 0) {
      noise_report_.emplace(comm_, map, *agents_, objective_->layout(), config_.seed,
                            config_.batch == 0 ? config_.noise_batch : config_.batch);
    }
    Log log(config_.sinks.empty() ? Log::default_sinks() : config_.sinks);
    if (comm_.rank() == 0) log_.emplace(std::move(log));
  });
  // Only once every rank is sure that it can run: --overwrite removes an old run.
  collectively(comm_, [&] {
    if (comm_.rank() == 0) open_log();
  });
  recorder_.emplace(comm_, exchange_->map(), log_ ? &*log_ : nullptr);
  // Every replica starts from the same bits, also where the ranks' LibTorch versions differ.
  comm_.broadcast(bytes_of(objective_->parameters()), 0);

  result_.config = config_;
  result_.compressor = compressor_->name();
  result_.noise = noise_->name();
  if (compressor_->traits().kind == Traits::Kind::unbiased) result_.omega = compressor_->traits().constant;
  result_.parameters = objective_->layout().dim;
  result_.replicas = objective_->layout().replicas;
  result_.agents = exchange_->map().agents();
  result_.processes = comm_.size();
  result_.has_server = exchange_->has_server();
}

void Run::cut() {
  const std::int64_t total = objective_->layout().total();
  // Overlap needs several buckets; 2^17 coordinates still fill a link's packets. No bit depends on it.
  const std::int64_t wanted = config_.overlap ? std::min(config_.bucket, std::max<std::int64_t>(total / 8, 1 << 17)) : config_.bucket;
  buckets_ = cut_into_buckets(total, exchange_->bucket_size(total, wanted));
  exchange_->require_buckets(buckets_.size());
  TERSEGRAD_CHECK(!config_.overlap || !compressor_->needs_whole_gradient(), "--overlap sends parts of a gradient, and compressor '",
                  compressor_->name(), "' needs the whole of it first");
}

void Run::open_log() {
  auto series = objective_->observables();
  observables_ = series.size();
  if (config_.noise_report > 0) {
    const auto columns = NoiseMeasurement::columns();
    series.insert(series.end(), columns.begin(), columns.end());
  }
  begin_run_log(*log_, folder_, config_,
                {{"parameters", objective_->layout().dim, ""},
                 {"compressor_resolved", compressor_->name(), ""},
                 {"processes", static_cast<std::int64_t>(comm_.size()), ""}},
                series);
}

RunResult Run::run() {
  const StopSignal signals;
  comm_.barrier();  // nobody is still sending what belongs to the start
  const TrafficMeasurement measurement;
  since_start_.lap();
  for (std::int64_t k = 0; k < config_.steps; ++k) {
    const bool updated = step(static_cast<std::uint64_t>(k));
    result_.steps = k + 1;
    result_.interrupted = (seen_control_ & flag_stop) != 0;
    if (result_.diverged || result_.interrupted || result_.steps == config_.steps) break;
    record(updated);
  }
  result_.measured = measurement.total(comm_, exchange_->map());
  finish();
  return result_;
}

/// \return whether x was updated
bool Run::step(std::uint64_t k) {
  record_ = StepRecord();
  record_.step = static_cast<std::int64_t>(k) + 1;
  record_.learning_rate = learning_rate_->at(k);

  std::uint8_t control = StopSignal::received() != 0 ? flag_stop : 0;
  if (comm_.rank() == 0 && since_report_.seconds() > report_every_s) {
    control |= flag_report;
    since_report_.lap();
  }

  Stopwatch watch;
  double shared_loss = 0;
  if (full_gradient_) shared_loss = full_gradient_->compute();
  record_.time.compute += watch.lap();
  const auto shared = full_gradient_ ? full_gradient_->value() : std::span<const float>();
  if (noise_report_) report_noise(k, shared);
  watch.lap();
  aggregator_->begin_step(k);
  exchange_->begin_step({k, compressor_.get(), aggregator_.get(), control});
  record_.time.compress += watch.lap();
  agents_->compute(k, shared, shared_loss, control, transport_, record_.time);
  finish_exchange();
  if (full_gradient_) record_.loss = shared_loss;  // the headers' mean of it has the digits and range of a float32
  if (observables_ > 0) observe();
  const bool update = may_update();
  if (update) apply();
  record_.time_s = since_start_.seconds();

  result_.traffic += record_.traffic;
  result_.time += record_.time;
  if (k == 0) result_.loss_first = record_.loss;
  result_.loss_last = record_.loss;
  return update;
}

/// Before the update: what is observed belongs to the x of the step's loss.
void Run::observe() {
  // Whether this is the last step is known only afterwards, and the last step is logged.
  const bool may_be_last = record_.step == config_.steps || !std::isfinite(record_.loss) || nonfinite_agents_ > 0 ||
                           (seen_control_ & flag_stop) != 0;
  record_.observed.assign(observables_, std::numeric_limits<double>::quiet_NaN());
  if (logged(record_.step) || may_be_last) objective_->observe(record_.observed);
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

/// Evaluates where it is due and logs the step.
void Run::record(bool updated) {
  const bool evaluated = updated && config_.eval_every > 0 && record_.step % config_.eval_every == 0;
  if (evaluated) {
    const Stopwatch watch;
    record_.test = evaluate(comm_, exchange_->map(), *objective_);
    evaluation_s_ += watch.seconds();
  }
  if (logged(record_.step) || evaluated) recorder_->add(record_);
  if (evaluated || (seen_control_ & flag_report) != 0) recorder_->flush();
}

/// Waits for what is still under way, and reads what every rank now knows alike.
void Run::finish_exchange() {
  Stopwatch watch;
  exchange_->finish_step(record_.traffic);
  nonfinite_agents_ = 0;
  seen_control_ = 0;
  for (const auto& aggregate : aggregates_) {
    nonfinite_agents_ = std::max<std::int64_t>(nonfinite_agents_, aggregate.header.nonfinite);
    seen_control_ |= aggregate.header.flags & control_flags;
  }
  record_.time.exchange += watch.lap();
  record_.loss = static_cast<double>(aggregates_.back().header.loss);
  record_.nonfinite_agents = nonfinite_agents_;
}

/// Unpacks the aggregates and applies them to this rank's replica.
void Run::apply() {
  const bool wants_norm = log_ && logged(record_.step);
  double squares = 0;
  Stopwatch watch;
  for (const auto& bucket : buckets_) {
    const MessageView aggregate = view(aggregates_[bucket.index]);
    auto mean = aggregator_->plain(bucket, aggregate);
    if (mean.empty()) {
      decoded_.resize(static_cast<std::size_t>(bucket.size()));
      aggregator_->decode(bucket, aggregate, decoded_);
      mean = decoded_;
    }
    record_.time.compress += watch.lap();
    if (wants_norm) squares += sum_of_squares(mean);
    watch.lap();
    optimizer_->apply(objective_->parameters(), bucket.begin, mean, record_.learning_rate);
    record_.time.apply += watch.lap();
  }
  record_.update_norm = wants_norm ? std::sqrt(squares) : 0;
}

/// Decides from what every rank has seen alike.
bool Run::may_update() {
  if (nonfinite_agents_ > 0) ++result_.nonfinite_steps;
  const bool loss_finite = std::isfinite(record_.loss);
  if (config_.nonfinite == NonfinitePolicy::skip && (nonfinite_agents_ > 0 || !loss_finite)) {
    agents_->discard_step();
    result_.diverged = ++skips_in_a_row_ >= max_skips_in_a_row;
    return false;
  }
  skips_in_a_row_ = 0;
  result_.diverged = !loss_finite || (nonfinite_agents_ > 0 && config_.nonfinite == NonfinitePolicy::stop);
  return !result_.diverged;
}

void Run::finish() {
  result_.total_s = since_start_.seconds() - evaluation_s_;
  result_.test = evaluate(comm_, exchange_->map(), *objective_);

  // The last step is always logged, and carries the final evaluation.
  record_.test = result_.test;
  recorder_->add(record_);

  result_.parameters_fingerprint = fingerprint(bytes_of(std::span<const float>(objective_->parameters())));
  require_same(comm_, hex(result_.parameters_fingerprint), "the parameters after the last step",
               "this should not be possible: please report it");
  recorder_->flush();

  double times[4] = {0, 0, 0, 0};
  if (exchange_->map().is_host(comm_.rank())) {
    times[0] = result_.time.compute;
    times[1] = result_.time.compress;
    times[2] = result_.time.exchange;
    times[3] = result_.time.apply;
  }
  comm_.sum(std::span<double>(times));
  result_.time = TimeSplit{times[0], times[1], times[2], times[3]} / exchange_->map().hosts();
  const std::int64_t peak = peak_memory_bytes();
  std::int64_t peaks[3] = {peak, comm_.rank() == 0 ? peak : 0, static_cast<std::int64_t>(exchange_->peak_buffer_bytes())};
  comm_.max(std::span<std::int64_t>(peaks));
  result_.memory_peak_bytes = peaks[0];
  result_.memory_peak_rank0_bytes = peaks[1];
  result_.exchange_buffer_peak_bytes = peaks[2];
  if (log_) log_->finish(result_.summary());
}

}  // namespace

RunResult train(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective) {
  return Run(comm, config, make_objective).run();
}

}  // namespace tersegrad
