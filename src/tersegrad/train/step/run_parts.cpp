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
  cut();
  agents.emplace(AgentParts{&config, objective.get(), noise.get(), compressor.get(), buckets}, begin, end);
  aggregates.resize(buckets.size());
  transport = {[this](const Bucket& bucket) {
                 exchange->start_bucket({bucket, agents->messages(bucket), &aggregates[bucket.index]});
               },
               [this] { exchange->progress(); }};
  optimizer.emplace(OptimizerOptions{config.momentum, config.weight_decay}, objective->layout().total());
  if (config.batch == 0) full_gradient.emplace(comm, *objective);
}

void RunParts::cut() {
  const std::int64_t total = objective->layout().total();
  // A rank that aggregates receives three buckets at a time and sends three aggregates meanwhile, so b buckets take the time
  // of b + 3 on a slow link. With overlap the last of them also waits for backward alone. Of 2^17 coordinates each still
  // fills a link's packets; without overlap fewer messages are better where the link is fast. No bit depends on it.
  const std::int64_t count = std::clamp<std::int64_t>(total >> (config.overlap ? 17 : 20), 1, 32);
  const std::int64_t wanted = std::min(config.bucket, (total + count - 1) / count);
  buckets = cut_into_buckets(total, exchange->bucket_size(total, wanted));
  exchange->require_buckets(buckets.size());
  TERSEGRAD_CHECK(!config.overlap || !compressor->needs_whole_gradient(),
                  "--overlap sends parts of a gradient, and compressor '", compressor->name(),
                  "' needs the whole of it first");
}

}  // namespace tersegrad
