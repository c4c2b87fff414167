#include "tersegrad/train/sde_run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/comm/monitor/watchdog.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/theory/sde/euler_maruyama.hpp"
#include "tersegrad/theory/sde/process.hpp"
#include "tersegrad/train/objectives/full_gradient.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/run.hpp"

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
  const Traits traits = compressor.traits();
  if (traits.family == Traits::Family::sign) return make_dsignsgd(settings);
  TERSEGRAD_CHECK(traits.is_unbiased(), "--sde: the paper has no SDE for compressor '",
                  compressor.name(), "' (it has them for none, for unbiased ones and for sign)");
  if (traits.constant == 0) return make_dsgd(settings);
  return make_dcsgd(settings, traits.constant, traits.family == Traits::Family::exactly_k ? Correlation::exactly_k : Correlation::independent);
}

/// Euler–Maruyama in the place of a step: one step of the algorithm is config.sde steps of the integrator.
class SdeStep : public Algorithm {
 public:
  /// Runs inside `collectively`: nothing here communicates. \throws Error for what no SDE describes
  SdeStep(const Communicator& comm, const TrainConfig& given, const ObjectiveFactory& make_objective)
      : comm_(comm), config_(resolved(given)), noise_(NoiseRegistry::instance().make(config_.noise)),
        objective_(make_objective(config_, {0, 0, static_cast<std::uint32_t>(config_.agents)})),
        compressor_(CompressorRegistry::instance().make(
            config_.compressor,
            CompressorSetup{objective_->layout(), config_.seed, static_cast<std::uint32_t>(config_.agents)})),
        process_(make_process(*compressor_, settings())), full_gradient_(comm, *objective_),
        integrator_(*process_, config_.lr / static_cast<double>(config_.sde)) {
    normals_.resize(static_cast<std::size_t>(process_->layout().replicas * process_->normals()));
  }
  SdeStep(const SdeStep&) = delete;
  SdeStep& operator=(const SdeStep&) = delete;

  const TrainConfig& config() const { return config_; }
  Objective& objective() { return *objective_; }
  const Compressor& compressor() const { return *compressor_; }
  const Noise& noise() const { return *noise_; }
  /// x is the objective's from here on. After the ranks have made it the same.
  void begin_at_parameters() {
    const auto parameters = objective_->parameters();
    x_.assign(parameters.begin(), parameters.end());
  }

  void begin(StepRecord& record) override {
    record.learning_rate = config_.lr;
    tell_progress();
    loss_ = compute_gradient(record);
  }
  void exchange(std::uint8_t, StepRecord& record) override {
    record.loss = loss_;
    // A signal reaches the ranks at different times: they agree now and then.
    heard_ = record.step % 64 == 0 && StopSignal::on_any_rank(comm_) ? control_stop : 0;
  }
  std::uint8_t heard() const override { return heard_; }

  Outcome update(StepRecord& record, bool) override {
    if (!std::isfinite(loss_)) return Outcome::diverged;
    const auto parts = static_cast<std::uint64_t>(config_.sde), draw = static_cast<std::uint64_t>(record.step - 1);
    for (std::uint64_t part = 0; part < parts; ++part) {
      if (part > 0) {
        tell_progress();
        compute_gradient(record);
      }
      const Stopwatch watch;
      fill_normals(Stream({config_.seed, Purpose::sde, 0, draw * parts + part}), 0, normals_);
      integrator_.step(x_, normals_);
      const auto parameters = objective_->parameters();
      for (std::size_t j = 0; j < x_.size(); ++j) parameters[j] = static_cast<float>(x_[j]);
      record.time.apply += watch.seconds();
    }
    return Outcome::updated;
  }

 private:
  static TrainConfig resolved(TrainConfig config) {
    config.agents = std::max<std::int64_t>(1, config.agents);
    config.resolve_data_folder();
    config.validate();
    require_describable(config);
    prepare_compute(config.threads);
    return config;
  }

  ProcessSettings settings() const {
    ProcessSettings settings;
    settings.layout = objective_->layout();
    settings.lr = config_.lr;
    settings.agents = config_.agents;
    settings.batch = static_cast<double>(config_.noise_batch);
    settings.noise = scales_of(*noise_, settings.layout.dim);
    settings.gradient = [this](std::span<const double>, std::span<double> out) {
      std::copy(full_gradient_.value().begin(), full_gradient_.value().end(), out.begin());
    };
    return settings;
  }

  /// At the objective's parameters. Collective. \return the loss there
  double compute_gradient(StepRecord& record) {
    const Stopwatch watch;
    const double loss = full_gradient_.compute();
    record.time.compute += watch.seconds();
    return loss;
  }

  const Communicator& comm_;
  const TrainConfig config_;
  const std::unique_ptr<Noise> noise_;
  const std::unique_ptr<Objective> objective_;
  const std::unique_ptr<Compressor> compressor_;
  const std::unique_ptr<Process> process_;
  FullGradient full_gradient_;
  EulerMaruyama integrator_;
  std::vector<double> x_, normals_;
  double loss_ = 0;
  std::uint8_t heard_ = 0;
};

/// Every rank integrates the whole of it; they share nothing but the gradient.
RunSetup set_up_sde(const Communicator& comm, const TrainConfig& given, const ObjectiveFactory& make_objective) {
  RunSetup setup;
  std::unique_ptr<SdeStep> step;
  collectively(comm, [&] {
    step = std::make_unique<SdeStep>(comm, given, make_objective);
    setup.log = make_log(comm, given);
  });
  setup.config = step->config();
  setup.objective = &step->objective();
  setup.map = AgentMap(static_cast<std::uint32_t>(comm.size()), 0, comm.size());
  setup.result = RunResult(setup.config, step->compressor(), step->noise(), setup.objective->layout(), comm.size());
  setup.result.config.exchange = "none";
  setup.result.compute = gather_compute_kinds(comm, this_compute_kind()).all;
  const TestSet* test_set = setup.objective->test_set();
  if (test_set != nullptr && setup.config.eval_every >= 0) setup.result.test_rows = test_set->test_rows();
  make_same(comm, bytes_of(setup.objective->parameters()));
  step->begin_at_parameters();
  setup.algorithm = std::move(step);
  return setup;
}

}  // namespace

RunResult simulate_sde(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective) {
  const StopSignal signals;
  const Watchdog watchdog(comm, config.stall_timeout);
  RunSetup setup = set_up_sde(comm, config, make_objective);
  return run_to_end(comm, setup);
}

}  // namespace tersegrad
