#include "tersegrad/train/sde_run.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/comm/monitor/watchdog.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/theory/sde/euler_maruyama.hpp"
#include "tersegrad/theory/sde/process.hpp"
#include "tersegrad/train/objectives/evaluation.hpp"
#include "tersegrad/train/objectives/full_gradient.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/report/recorder.hpp"
#include "tersegrad/train/report/run_log.hpp"

namespace tersegrad {
namespace {

/// What the SDEs do not describe is refused, not ignored.
void require_describable(const TrainConfig& config) {
  TERSEGRAD_CHECK(config.batch == 0, "--sde needs --batch full (the SDE's noise is --noise, at batch --noise-batch)");
  TERSEGRAD_CHECK(!config.checkpoints(),
                  "--sde writes no checkpoints and cannot be resumed: not with --checkpoint-every");
  TERSEGRAD_CHECK(config.momentum == 0 && config.weight_decay == 0 && config.clip_norm == 0 && config.warmup == 0 &&
                      config.schedule == "constant",
                  "--sde knows no --momentum, --weight-decay, --clip-norm, --warmup or --schedule");
}

/// One column for all coordinates if they have one scale, else one for each.
NoiseScales scales_of(const Noise& noise, std::int64_t dim) {
  if (noise.is_none()) return {std::numeric_limits<double>::infinity(), 0.0};
  std::vector<double> scales(static_cast<std::size_t>(dim));
  bool same = true;
  for (std::size_t j = 0; j < scales.size(); ++j) {
    scales[j] = noise.sigma_at(static_cast<std::int64_t>(j));
    same = same && scales[j] == scales.front();
  }
  if (same) scales.resize(1);
  return {noise.nu(), {scales}};
}

std::unique_ptr<Process> make_process(const Compressor& compressor, const ProcessSettings& settings) {
  const std::string name = Spec::parse(compressor.name()).name;
  const Traits traits = compressor.traits();
  if (name == "sign") return make_dsignsgd(settings);
  TERSEGRAD_CHECK(traits.kind == Traits::Kind::unbiased, "--sde: the paper has no SDE for compressor '",
                  compressor.name(), "' (it has them for none, for unbiased ones and for sign)");
  if (traits.constant == 0) return make_dsgd(settings);
  return make_dcsgd(settings, traits.constant, name == "randk" ? Correlation::exactly_k : Correlation::independent);
}

/// The run's test figures, if it has any. \return false where a signal ended the evaluation
bool evaluate_last(const Communicator& comm, const AgentMap& map, Objective& objective, Log& log, RunResult& result) {
  if (!result.evaluates()) return true;
  EvaluationListener told;
  if (comm.rank() == 0) told = [&](std::int64_t done, std::int64_t chunks) { log.evaluating(done, chunks); };
  const auto test = evaluate(comm, map, objective, told);
  if (test) result.test = *test;
  result.unevaluated = !test && !result.interrupted;
  return test.has_value();
}

}  // namespace

RunResult simulate_sde(const Communicator& comm, const TrainConfig& given, const ObjectiveFactory& make_objective) {
  const StopSignal signals;
  TrainConfig config = given;
  const Watchdog stalls(comm, config.stall_timeout);
  config.agents = std::max<std::int64_t>(1, config.agents);
  std::unique_ptr<Objective> objective;
  std::unique_ptr<Noise> noise;
  std::unique_ptr<Compressor> compressor;
  std::unique_ptr<Process> process;
  std::unique_ptr<Log> log;
  std::optional<OutputFolder> folder;
  std::optional<FullGradient> full_gradient;
  std::span<const float> gradient;
  collectively(comm, [&] {
    config.resolve_data_folder();
    config.validate();
    require_describable(config);
    prepare_compute(config.threads);
    noise = NoiseRegistry::instance().make(config.noise);
    objective = make_objective(config, {0, 0, static_cast<std::uint32_t>(config.agents)});
    const Layout layout = objective->layout();
    compressor = CompressorRegistry::instance().make(
        config.compressor, CompressorSetup{layout, config.seed, static_cast<std::uint32_t>(config.agents)});
    ProcessSettings settings;
    settings.layout = layout;
    settings.lr = config.lr;
    settings.agents = config.agents;
    settings.batch = static_cast<double>(config.noise_batch);
    settings.noise = scales_of(*noise, layout.dim);
    settings.gradient = [&](std::span<const double>, std::span<double> out) {
      std::copy(gradient.begin(), gradient.end(), out.begin());
    };
    process = make_process(*compressor, settings);
    full_gradient.emplace(comm, *objective);
    log = std::make_unique<Log>(config.sinks.empty() ? Log::default_sinks() : config.sinks);
  });
  RunResult result(config, *compressor, *noise, objective->layout(), comm.size());
  result.compute = gather_compute_kinds(comm, this_compute_kind()).all;
  if (config.eval_every >= 0) result.test_rows = objective->test_rows();
  result.config.exchange = "none";
  if (StopSignal::on_any_rank(comm)) {
    result.interrupted = result.unstarted = true;
    return result;
  }
  collectively(comm, [&] {
    if (comm.rank() != 0) return;
    begin_run_log(*log, folder, result, objective->observables());
  });
  make_same(comm, bytes_of(objective->parameters()));

  const AgentMap everyone(static_cast<std::uint32_t>(comm.size()), 0, comm.size());
  Recorder recorder(comm, everyone, comm.rank() == 0 ? log.get() : nullptr, result.evaluates());
  EulerMaruyama integrator(*process, config.lr / static_cast<double>(config.sde));
  const auto parameters = objective->parameters();
  std::vector<double> x(parameters.begin(), parameters.end()), normals;
  normals.resize(static_cast<std::size_t>(process->layout().replicas * process->normals()));
  const std::size_t observables = objective->observables().size();
  const Stopwatch since_start;
  for (std::int64_t k = 0; k < config.steps && !result.diverged && !result.interrupted; ++k) {
    StepRecord record;
    record.step = k + 1;
    Watchdog::begin_step(record.step);
    record.learning_rate = config.lr;
    for (std::int64_t part = 0; part < config.sde; ++part) {
      tell_progress();
      Stopwatch watch;
      for (std::size_t j = 0; j < x.size(); ++j) parameters[j] = static_cast<float>(x[j]);
      const double loss = full_gradient->compute();
      gradient = full_gradient->value();
      record.time.compute += watch.lap();
      if (part == 0) {
        record.loss = loss;
        if (comm.rank() == 0) {
          record.observed.resize(observables);
          objective->observe(record.observed);
        }
        result.diverged = !std::isfinite(loss);
        if (result.diverged) break;
        watch.lap();
      }
      const auto step = static_cast<std::uint64_t>(k * config.sde + part);
      fill_normals(Stream({config.seed, Purpose::sde, 0, step}), 0, normals);
      integrator.step(x, normals);
      record.time.apply += watch.lap();
    }
    result.time += record.time;
    const double now_s = since_start.seconds();
    record.elapsed = {now_s, now_s, result.time};
    result.steps = k + 1;
    if (k == 0) result.loss_first = record.loss;
    result.loss_last = record.loss;
    // A signal reaches the ranks at different times: they agree now and then.
    if (result.steps % 64 == 0) result.interrupted = StopSignal::on_any_rank(comm);
    const bool last = result.steps == config.steps || result.diverged || result.interrupted;
    if (last) {
      if (!result.diverged) {
        for (std::size_t j = 0; j < x.size(); ++j) parameters[j] = static_cast<float>(x[j]);
      }
      result.total_s = since_start.seconds();
      if (!evaluate_last(comm, everyone, *objective, *log, result)) result.interrupted = true;
      record.test = result.test;
    }
    if (last || record.step == 1 || record.step % config.log_every == 0) recorder.add(record);
  }
  result.parameters_fingerprint = fingerprint(bytes_of(std::span<const float>(parameters)));
  require_same(comm, hex(result.parameters_fingerprint), "the parameters after the last step",
               "this should not be possible: please report it");
  recorder.flush();
  result.total_s = recorder.latest().steps_s;
  result.time = recorder.latest().parts;
  if (comm.rank() == 0) log->finish(result.summary());
  return result;
}

}  // namespace tersegrad
