// tersegrad bench step: what the framework adds to a training step, beside a plain LibTorch loop in the same run.
#include <torch/torch.h>

#include <algorithm>
#include <iostream>

#include "apps/bench/bench.hpp"
#include "apps/common/command.hpp"
#include "apps/common/plugin_option.hpp"
#include "apps/common/same_plugins.hpp"
#include "models/network.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/environment.hpp"
#include "tersegrad/core/statistics.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/data/readers/folder.hpp"
#include "tersegrad/data/sampler.hpp"
#include "tersegrad/data/shard.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/trainer.hpp"

namespace tersegrad {
namespace {

/// The loop that a LibTorch user writes: load, zero_grad, forward, backward, step. One agent's shard and batches.
class PlainLoop {
 public:
  PlainLoop(const TrainConfig& config, const Dataset& data, std::uint32_t agent, std::int64_t agents)
      : data_(data), sampler_(even_shards(data.train().size(), agents, config.seed)[agent], config.batch,
                              SamplingMode::shuffle, config.seed, agent) {
    torch::manual_seed(config.init_seed);
    model_ = NetworkRegistry::instance().make(config.model, NetworkShape{data.shape(), data.classes()});
    optimizer_ = std::make_unique<torch::optim::SGD>(model_->parameters(), torch::optim::SGDOptions(config.lr));
    std::vector<std::int64_t> sizes = data.shape();
    sizes.insert(sizes.begin(), config.batch);
    x_ = torch::empty(sizes);
    y_ = torch::empty({config.batch}, torch::kInt64);
  }

  /// \return seconds of forward and backward
  double step() {
    sampler_.rows(next_++, rows_);
    data_.train().features(rows_, {x_.data_ptr<float>(), static_cast<std::size_t>(x_.numel())});
    data_.train().labels(rows_, {y_.data_ptr<std::int64_t>(), rows_.size()});
    optimizer_->zero_grad();
    const Stopwatch watch;
    auto loss = torch::nn::functional::cross_entropy(model_->forward(x_), y_);
    loss.backward();
    const double seconds = watch.seconds();
    optimizer_->step();
    return seconds;
  }

 private:
  const Dataset& data_;
  BatchSampler sampler_;
  std::shared_ptr<Network> model_;
  std::unique_ptr<torch::optim::SGD> optimizer_;
  torch::Tensor x_, y_;
  std::vector<std::int64_t> rows_;
  std::uint64_t next_ = 0;
};

int run(int argc, char** argv) {
  return run_with_mpi(&argc, &argv, [&](Communicator& world) {
    require_same_plugins(world);
    cxxopts::Options options(
        "tersegrad bench step",
        "Step time of training beside plain LibTorch loops, in turns on the same ranks. Every rank hosts one agent:\n"
        "launch/local --ranks 2 bench step --model resnet --dataset cifar10 --data DIR\n");
    options.add_options()("model", "model", cxxopts::value<std::string>()->default_value("resnet"))
        ("dataset", "data set", cxxopts::value<std::string>()->default_value("cifar10"))
        ("data", concat("folder of its files; without it ", data_folder_rule), cxxopts::value<std::string>())
        ("batch", "rows per agent", cxxopts::value<int>()->default_value("32"))
        ("steps", "steps in each turn", cxxopts::value<int>()->default_value("50"))
        ("turns", "turns of each loop", cxxopts::value<int>()->default_value("7"))
        ("compressor", "compressor", cxxopts::value<std::string>()->default_value("none"))
        ("exchange", "exchange without a server", cxxopts::value<std::string>()->default_value("allreduce"))
        ("h,help", "this text");
    TrainConfig config;
    int turns = 0;
    bool done = false;
    std::shared_ptr<const Dataset> data;
    std::unique_ptr<PlainLoop> plain;
    declare_plugin_option(options);
    for (int i = 1; i < argc; ++i) done |= std::string(argv[i]) == "--help";
    if (done) {
      if (world.rank() == 0) std::cout << options.help();
      return 0;
    }
    collectively(world, [&] {
      const auto parsed = parse_options(options, argc, argv, done);
      config.model = parsed["model"].as<std::string>();
      config.dataset = parsed["dataset"].as<std::string>();
      if (parsed.count("data")) config.data = parsed["data"].as<std::string>();
      TERSEGRAD_CHECK(config.data.empty() || !built_in_datasets().contains(Spec::parse(config.dataset).name),
                      "--data means nothing to data set '", config.dataset, "' (it is built in and reads no files); leave it out");
      config.resolve_data_folder();
      config.batch = parsed["batch"].as<int>();
      config.steps = parsed["steps"].as<int>();
      turns = parsed["turns"].as<int>();
      config.compressor = parsed["compressor"].as<std::string>();
      config.exchange = parsed["exchange"].as<std::string>();
      config.lr = 1e-4;
      config.agents = world.size();
      config.sinks = {"csv"};  // without a folder it writes nothing
      config.validate();
      TERSEGRAD_CHECK(turns >= 1, "--turns is ", turns, " (must be at least 1)");
      prepare_compute(config.threads);
      data = DatasetRegistry::instance().make(config.dataset, DataSource{config.data, config.seed, 0});
      plain = std::make_unique<PlainLoop>(config, *data, static_cast<std::uint32_t>(world.rank()), world.size());
    });

    // Seconds a step. Of the framework's: compute is forward and backward with loading and clearing, exchange is
    // waiting for the other ranks with the transfer.
    std::vector<double> alone, together, framework, own, gradient, compute, waiting, ratios, own_ratios;
    for (int turn = -1; turn < turns; ++turn) {  // the first turn warms up
      const auto plain_turn = [&](bool everyone) {
        world.barrier();
        const Stopwatch watch;
        double in_gradient = 0;
        for (std::int64_t s = 0; s < config.steps; ++s) {
          if (everyone || world.rank() == 0) in_gradient += plain->step();
          if (everyone) world.barrier();  // synchronous, as the agents are
        }
        const double seconds = watch.seconds() / static_cast<double>(config.steps);
        world.barrier();
        if (everyone) world.sum(std::span(&in_gradient, 1));
        return std::pair(seconds, in_gradient / static_cast<double>(config.steps * world.size()));
      };
      const double one = plain_turn(false).first;
      const auto [all, all_gradient] = plain_turn(true);
      const auto result = train(world, config, [&](const TrainConfig& c, const HostedAgents& agents) {
        return make_network_objective(c, data, agents);
      });
      if (turn < 0) continue;
      const auto steps = static_cast<double>(result.steps);
      alone.push_back(one);
      together.push_back(all);
      framework.push_back(result.total_s / steps);
      compute.push_back(result.time.compute / steps);
      waiting.push_back(result.time.exchange / steps);
      gradient.push_back(all_gradient);
      own.push_back((result.time.compress + result.time.apply) / steps);
      ratios.push_back(framework.back() / all);
      own_ratios.push_back((framework.back() - waiting.back() - all_gradient) / framework.back());
    }
    if (world.rank() == 0) {
      const double f = upper_median(framework);
      TextTable table({config.model + ", batch " + std::to_string(config.batch), "step", "steps/s",
                       "forward + backward", "compress + apply", "exchange, waiting"});
      const auto row = [&](const std::string& name, double step, std::vector<std::string> parts) {
        parts.insert(parts.begin(), {name, format_duration(step), format_number(1 / step)});
        table.add(std::move(parts));
      };
      row("plain LibTorch, one process alone", upper_median(alone), {"", "", ""});
      row(concat("plain LibTorch, ", world.size(), " processes in step, nothing exchanged"), upper_median(together),
          {format_duration(upper_median(gradient)), "", ""});
      row(concat("tersegrad, ", world.size(), " agents, ", config.compressor, ", ", config.exchange), f,
          {format_duration(upper_median(compute)) + " (with loading)", format_duration(upper_median(own)),
           format_duration(upper_median(waiting))});
      std::cout << table.str() << "medians of " << turns << " paired turns of " << config.steps
                << " steps: beside plain loops in step " << format_number(100 * (upper_median(ratios) - 1), 3)
                << " % more; everything but exchange and the plain loops' forward and backward "
                << format_number(100 * upper_median(own_ratios), 3) << " % of the step (compress + apply "
                << format_number(100 * upper_median(own) / f, 3) << " %)\n";
    }
    return 0;
  });
}

const CatalogueEntry<Bench> registration{"step", {"what the framework adds to a training step, beside plain LibTorch", run}};

}  // namespace
}  // namespace tersegrad
