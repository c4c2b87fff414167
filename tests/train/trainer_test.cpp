// The step as a whole, on real MPI ranks: parity with LibTorch's own SGD, and the same bits however the run is spread.
#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/train/trainer.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <optional>

#include "compress/round_trip.hpp"
#include "models/network.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/data/sampler.hpp"
#include "tersegrad/data/shard.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "train/objectives/stateful_network.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

std::shared_ptr<const Dataset> breast_cancer(std::uint64_t seed = 1) {
  return DatasetRegistry::instance().make("breast-cancer", DataSource{{}, seed, 0});
}

std::unique_ptr<Objective> network(const TrainConfig& config, const HostedAgents& agents) {
  return make_network_objective(config, breast_cancer(config.seed), agents);
}

TrainConfig small_run() {
  TrainConfig config;
  config.agents = 4;
  config.batch = 8;
  config.steps = 12;
  config.sinks = {"csv"};  // needs a folder, of which there is none: nothing is written
  return config;
}

RunResult run_on(const Communicator& comm, const TrainConfig& config) { return train(comm, config, network); }

TEST(Train, OneStepOfNoneIsLibTorchsSgdStepOnTheJoinedBatch) {
  // N agents of batch B average to the gradient of the joined batch of N·B rows; LibTorch's own optimiser on the
  // same rows must give the same parameters up to rounding: each coordinate's sum of N·B terms in another order.
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  TrainConfig config = small_run();
  config.lr = 0.5;
  config.momentum = 0.9;
  config.weight_decay = 0.01;
  config.steps = 3;
  std::vector<float> trained;
  on_ranks(5, [&](const Communicator& comm) {
    train(comm, config, [&](const TrainConfig& c, const HostedAgents& agents) -> std::unique_ptr<Objective> {
      return std::make_unique<Watched>(network(c, agents), trained);
    });
  });

  const auto data = breast_cancer(config.seed);
  torch::manual_seed(config.init_seed);
  std::shared_ptr<Network> model =
      NetworkRegistry::instance().make(config.model, NetworkShape{data->shape(), data->classes()});
  torch::optim::SGD sgd(model->parameters(), torch::optim::SGDOptions(config.lr).momentum(0.9).weight_decay(0.01));
  const auto shards = even_shards(data->train().size(), 4, config.seed);
  std::vector<BatchSampler> samplers;
  for (std::uint32_t a = 0; a < 4; ++a) samplers.emplace_back(shards[a], 8, SamplingMode::shuffle, config.seed, a);
  for (std::uint64_t step = 0; step < 3; ++step) {
    std::vector<std::int64_t> rows, part;
    for (auto& sampler : samplers) {
      sampler.rows(step, part);
      rows.insert(rows.end(), part.begin(), part.end());
    }
    auto x = torch::empty({32, 30});
    auto y = torch::empty({32}, torch::kInt64);
    data->train().features(rows, {x.data_ptr<float>(), 32 * 30});
    for (std::int64_t i = 0; i < 32; ++i) y[i] = data->train().label(rows[static_cast<std::size_t>(i)]);
    sgd.zero_grad();
    torch::nn::functional::cross_entropy(model->forward(x), y).backward();
    sgd.step();
  }
  std::vector<torch::Tensor> flat;
  for (const auto& parameter : model->parameters()) flat.push_back(parameter.detach().flatten());
  const auto expected = torch::cat(flat);
  ASSERT_EQ(static_cast<std::int64_t>(trained.size()), expected.numel());
  const auto got = torch::from_blob(trained.data(), expected.sizes());
  const double error = (got - expected).abs().max().item<double>();
  // Three steps with gradients of order 1 and η = 0.5: some tens of roundings of 2⁻²⁴ relative to values of order 1.
  EXPECT_LT(error, 100 * 0x1p-24);
  EXPECT_GT((got - torch::zeros_like(got)).abs().max().item<double>(), 0.01);
}

TEST(Train, SameBitsOnAnyNumberOfRanksAndWithAnyBucket) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  for (const std::string compressor : {"none", "sign", "sign:random", "randk:0.1"}) {
    TrainConfig config = small_run();
    config.compressor = compressor;
    config.lr = compressor == "none" ? 0.1 : 0.01;
    config.noise = "gaussian:0.01";
    std::uint64_t reference = 0;
    double loss = 0;
    for (const int ranks : {2, 3, 5}) {
      for (const std::int64_t bucket : {std::int64_t{1} << 22, std::int64_t{256}}) {
        config.bucket = bucket;
        on_ranks(ranks, [&](const Communicator& comm) {
          const auto result = run_on(comm, config);
          if (reference == 0) {
            reference = result.parameters_fingerprint;
            loss = result.loss_last;
          }
          EXPECT_EQ(result.parameters_fingerprint, reference)
              << compressor << " on " << ranks << " ranks, bucket " << bucket;
          EXPECT_EQ(result.loss_last, loss);
        });
      }
    }
    TrainConfig other = config;
    other.seed = 2;
    on_ranks(2, [&](const Communicator& comm) { EXPECT_NE(run_on(comm, other).parameters_fingerprint, reference); });
  }
}

/// A logged step decodes the mean for its norm, the others decode it straight into the parameters.
TEST(Train, WhatIsLoggedDoesNotChangeABit) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  for (const auto& compressor : testing::all_specs()) {
    TrainConfig config = small_run();
    config.compressor = compressor;
    config.lr = 0.01;
    on_ranks(3, [&](const Communicator& comm) {
      config.log_every = 1;
      const auto logged = run_on(comm, config);
      config.log_every = 100;
      const auto silent = run_on(comm, config);
      EXPECT_EQ(silent.parameters_fingerprint, logged.parameters_fingerprint) << compressor;
    });
  }
}

TEST(Train, AllReduceGivesTheServersBits) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  TrainConfig config = small_run();
  std::uint64_t reference = 0;
  on_ranks(5, [&](const Communicator& comm) { reference = run_on(comm, config).parameters_fingerprint; });
  config.exchange = "allreduce";
  for (const int ranks : {1, 2, 3, 4}) {
    on_ranks(ranks, [&](const Communicator& comm) {
      EXPECT_EQ(run_on(comm, config).parameters_fingerprint, reference) << ranks;
    });
  }
}

TEST(Train, FullGradientIsSharedAndDoesNotDependOnRanks) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  TrainConfig config = small_run();
  config.batch = 0;
  config.noise = "student:3:0.001";
  config.compressor = "sign";
  config.lr = 0.001;
  std::uint64_t reference = 0;
  for (const int ranks : {2, 3, 5}) {
    on_ranks(ranks, [&](const Communicator& comm) {
      const auto result = run_on(comm, config);
      if (reference == 0) reference = result.parameters_fingerprint;
      EXPECT_EQ(result.parameters_fingerprint, reference) << ranks;
    });
  }
}

TEST(Train, ManyAgentsOnFewRanks) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  TrainConfig config = small_run();
  config.agents = 64;
  config.batch = 2;
  config.steps = 3;
  config.compressor = "sign";
  config.lr = 0.01;
  std::uint64_t reference = 0;
  for (const int ranks : {2, 5}) {
    on_ranks(ranks, [&](const Communicator& comm) {
      const auto result = run_on(comm, config);
      if (reference == 0) reference = result.parameters_fingerprint;
      EXPECT_EQ(result.parameters_fingerprint, reference);
      EXPECT_EQ(result.agents, 64);
    });
  }
}

TEST(Train, EveryExchangeOverlapAndBucketGiveTheSameBits) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  TrainConfig config = small_run();
  config.steps = 5;
  for (const std::string compressor :
       {"none", "sign", "randk:0.3", "majority", "qsgd:4", "topk:0.1", "ef:topk:0.1", "signum"}) {
    config.compressor = compressor;
    std::optional<std::uint64_t> expected;
    const bool whole = compressor.find("topk") != std::string::npos;
    for (const std::string exchange : {"server", "sharded", "allgather", "hierarchical:1", "hierarchical:2", "allreduce"}) {
      const auto sums = CompressorRegistry::instance().make(compressor, {{100, 1}, 1, 4})->aggregator();
      if (exchange == "allreduce" && compressor != "none") continue;
      if (exchange.starts_with("hierarchical") && sums->partial_sums() == nullptr) continue;
      for (const bool overlap : {false, true}) {
        if (overlap && whole) continue;
        for (const std::int64_t bucket : {256, 1 << 20}) {
          for (const int ranks : {2, 3, 5}) {
            if (exchange != "server" && ranks == 5) continue;  // four agents
            config.exchange = exchange;
            config.overlap = overlap;
            config.bucket = bucket;
            on_ranks(ranks, [&](const Communicator& comm) {
              const auto result = run_on(comm, config);
              if (!expected) expected = result.parameters_fingerprint;
              EXPECT_EQ(result.parameters_fingerprint, *expected)
                  << compressor << " by " << exchange << (overlap ? " with overlap" : "") << ", buckets of " << bucket
                  << ", " << ranks << " ranks";
            });
          }
        }
      }
    }
  }
}

const Registration<Network, const NetworkShape&> stateful{
    "stateful", "BatchNorm and dropout", {},
    [](const Arguments&, const NetworkShape& shape) { return std::make_unique<StatefulNetwork>(shape, 0.3); }};

TEST(Train, RunningStatisticsAndDropoutAreTheAgents) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  TrainConfig config = small_run();
  config.model = "stateful";
  std::optional<RunResult> expected;
  for (const int ranks : {2, 3, 5}) {
    on_ranks(ranks, [&](const Communicator& comm) {
      const auto result = run_on(comm, config);
      if (!expected) expected = result;
      EXPECT_EQ(result.parameters_fingerprint, expected->parameters_fingerprint) << ranks;
      EXPECT_EQ(result.test.loss, expected->test.loss) << ranks;  // by the agents' mean statistics
    });
  }
  config.batch = 0;
  on_ranks(2, [&](const Communicator& comm) { EXPECT_THROW(run_on(comm, config), std::exception); });
}

TEST(Train, BackwardTellsEveryCoordinateOnce) {
  TrainConfig config = small_run();
  const auto objective = network(config, {0, 1, 1});
  std::vector<int> told(static_cast<std::size_t>(objective->layout().total()));
  for (const std::uint64_t step : {0, 1}) {
    std::fill(told.begin(), told.end(), 0);
    double loss_told = 0;
    const double loss =
        objective->agent_gradients()->agent_gradient_in_parts(0, step, [&](std::int64_t begin, std::int64_t end, double of_batch) {
          for (std::int64_t j = begin; j < end; ++j) ++told[static_cast<std::size_t>(j)];
          loss_told = of_batch;
        });
    EXPECT_EQ(loss, loss_told);
    EXPECT_EQ(std::count(told.begin(), told.end(), 1), objective->layout().total());
    const std::vector<float> in_parts(objective->gradient().begin(), objective->gradient().end());
    objective->agent_gradients()->agent_gradient(0, step);
    EXPECT_TRUE(std::equal(in_parts.begin(), in_parts.end(), objective->gradient().begin()));
  }
}

TEST(Train, SkippedStepsLeaveEf21sReplicasInStep) {
  // Noise reaches inf on some steps; with skip the memories of encoders and aggregators must agree: a run on one rank
  // and on three ends in the same bits, and EF21's mean stays that of its agents.
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  TrainConfig config = small_run();
  config.steps = 30;
  config.batch = 0;
  config.noise = "student:0.2:1e-3";
  config.nonfinite = NonfinitePolicy::skip;
  config.compressor = "ef21:topk:0.1";
  std::optional<std::uint64_t> expected;
  for (const int ranks : {2, 3, 5}) {
    on_ranks(ranks, [&](const Communicator& comm) {
      const auto result = run_on(comm, config);
      EXPECT_GT(result.nonfinite_steps, 0);
      if (!expected) expected = result.parameters_fingerprint;
      EXPECT_EQ(result.parameters_fingerprint, *expected);
    });
  }
}

TEST(Train, DivergenceIsARecordedResult) {
  TrainConfig config = small_run();
  config.exchange = "allreduce";
  config.lr = 1e30;
  config.steps = 50;
  on_ranks(1, [&](const Communicator& comm) {
    const auto result = run_on(comm, config);
    EXPECT_TRUE(result.diverged);
    EXPECT_LT(result.steps, 50);
  });
}

TEST(Train, SetUpErrorsReachEveryRankTogether) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  for (const auto& [change, text] : std::vector<std::pair<std::function<void(TrainConfig&)>, std::string>>{
           {[](TrainConfig& c) { c.model = "nope"; }, "unknown model 'nope' (known: "},
           {[](TrainConfig& c) { c.compressor = "randk:9999"; }, "from 1 to d = 1502"},
           {[](TrainConfig& c) { c.agents = 5000; }, "5000"},
           {[](TrainConfig& c) { c.lr = -1; }, "--lr is -1"},
           {[](TrainConfig& c) { c.compressor = "sign"; }, "carries only the compressor 'none'"}}) {
    TrainConfig config = small_run();
    config.exchange = "allreduce";
    config.agents = 16;
    change(config);
    try {
      run_on(world, config);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const CollectiveError& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  }
}

TEST(Train, RanksWithDifferentOptionsAreRefused) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  if (world.size() < 2) GTEST_SKIP() << "needs 2 ranks";
  TrainConfig config = small_run();
  config.exchange = "allreduce";
  config.agents = 16;
  if (world.rank() == 1) config.lr = 0.2;
  try {
    run_on(world, config);
    ADD_FAILURE();
  } catch (const CollectiveError& error) {
    EXPECT_NE(std::string(error.what()).find("rank 0 has 'lr = 0.1', rank 1 has 'lr = 0.2'"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace tersegrad
