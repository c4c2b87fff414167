#include "tersegrad/train/step/run_parts.hpp"

#include <algorithm>

#include "tersegrad/core/error.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"

namespace tersegrad {

RunParts::RunParts(const Communicator& comm, const TrainConfig& given, const ObjectiveFactory& make_objective)
    : config(given) {
  config.resolve_data_folder();
  config.validate();
  prepare_compute(config.threads);
  learning_rate.emplace(config.lr, static_cast<std::uint64_t>(config.steps), static_cast<std::uint64_t>(config.warmup),
                        config.schedule);
  noise = NoiseRegistry::instance().make(config.noise);
  const ExchangeSetup setup{&comm, static_cast<std::uint32_t>(config.agents), config.verify};
  exchange = ExchangeRegistry::instance().make(config.exchange, setup);
  config.exchange = ExchangeRegistry::instance().canonical(config.exchange);
  config.agents = map().agents();

  const std::uint32_t begin = map().begin(comm.rank()), end = map().end(comm.rank());
  objective = make_objective(config, {begin, end, map().agents()});
  if (objective->layout().replicas > 1) noise = noise->replicated(objective->layout().dim);
  const CompressorSetup compressor_setup{objective->layout(), config.seed, map().agents(),
                                         config.nonfinite != NonfinitePolicy::stop};
  compressor = CompressorRegistry::instance().make(config.compressor, compressor_setup);
  exchange->require(*compressor);
  aggregator = compressor->aggregator();
  const std::int64_t total = objective->layout().total();
  plan.emplace(*compressor, *exchange, total, config.bucket, config.overlap);
  exchange->require_buckets(plan->all().size());
  TERSEGRAD_CHECK(!config.overlap || (!compressor->traits().whole_gradient && compressor->rounds() == nullptr),
                  "--overlap sends parts of a gradient, and compressor '", compressor->name(),
                  "' needs the whole of it first");
  source = make_gradient_source(comm, *objective, config.batch);
  agents.emplace(AgentParts{&config, objective.get(), source.get(), noise.get(), compressor.get(), &*plan}, begin, end);
  aggregates.resize(plan->all().size());
  optimizer.emplace(OptimizerOptions{config.momentum, config.weight_decay}, total);
  update.emplace(*plan, *aggregator, *optimizer, objective->parameters());
}

}  // namespace tersegrad
