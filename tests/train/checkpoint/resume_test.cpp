// A run taken up from its checkpoint, for a network that leaves running statistics and draws of dropout behind.
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/trainer.hpp"
#include "train/objectives/stateful_network.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

const Registration<Network, const NetworkShape&> registration{
    "resumed", "BatchNorm and dropout", {},
    [](const Arguments&, const NetworkShape& shape) { return std::make_unique<StatefulNetwork>(shape, 0.3); }};

std::unique_ptr<Objective> network(const TrainConfig& config, const HostedAgents& agents) {
  return make_network_objective(
      config, DatasetRegistry::instance().make("breast-cancer", DataSource{{}, config.seed, 0}), agents);
}

/// A folder that all ranks know.
fs::path shared_folder(const Communicator& comm, const std::string& name) {
  std::int64_t pid = comm.rank() == 0 ? ::getpid() : 0;
  comm.sum(std::span<std::int64_t>(&pid, 1));
  return fs::path(testing::TempDir()) / concat(name, "-", pid);
}

TrainConfig config_in(const fs::path& out) {
  TrainConfig config;
  config.model = "resumed";
  config.agents = 5;
  config.batch = 8;
  config.steps = 30;
  config.momentum = 0.9;
  config.compressor = "ef:randk:0.2";
  config.noise = "gaussian:0.01";
  config.sinks = {"hdf5"};
  config.checkpoint_every = 10;
  config.keep = 5;
  config.eval_every = 4;
  config.exchange = "allgather";
  config.out = out;
  config.overwrite = true;
  return config;
}

TEST(Resume, StatisticsDropoutAndMemoriesGoOnOnOtherRanks) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  const auto out = shared_folder(world, "resume-test");
  RunResult whole;
  on_ranks(world.size(), [&](const Communicator& comm) { whole = train(comm, config_in(out), network); });
  for (const std::int64_t step : {20, 10}) {
    for (const int ranks : {1, world.size()}) {
      RunResult resumed;
      on_ranks(ranks, [&](const Communicator& comm) {
        CheckpointFile start;
        collectively(comm, [&] {
          if (comm.rank() != 0) return;
          CheckpointFolder(out).prune(step, 5);
          start = CheckpointFolder(out).newest([](const std::string&) {});
        });
        auto config = config_in(out);
        config.overwrite = false;
        resumed = train(comm, config, network, comm.rank() == 0 ? &start : nullptr);
      });
      if (world.rank() != 0) continue;
      EXPECT_EQ(resumed.parameters_fingerprint, whole.parameters_fingerprint) << "from " << step << " on " << ranks;
      EXPECT_EQ(resumed.loss_last, whole.loss_last);
      EXPECT_EQ(resumed.test.loss, whole.test.loss);  // from the agents' mean statistics
      EXPECT_EQ(resumed.loss_first, whole.loss_first);
    }
  }
  world.barrier();
  if (world.rank() == 0) fs::remove_all(out);
}

/// What the root remembers belongs to whichever rank aggregates a bucket: another one after the resume. PowerSGD's agents
/// remember vectors of two kinds.
TEST(Resume, WhatIsRememberedGoesOnOnOtherRanksAndExchanges) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  for (const std::string spec : {"doublesqueeze:topk:0.1", "per-layer:*bias=none,doublesqueeze:topk:0.1", "powersgd:2"}) {
    const auto out = shared_folder(world, "root-test");
    const auto config_on = [&](const std::string& exchange) {
      auto config = config_in(out);
      config.compressor = spec;
      config.exchange = exchange;
      config.bucket = 128;
      return config;
    };
    RunResult whole;
    on_ranks(world.size(), [&](const Communicator& comm) { whole = train(comm, config_on("sharded"), network); });
    for (const int ranks : {1, world.size()}) {
      RunResult resumed;
      on_ranks(ranks, [&](const Communicator& comm) {
        CheckpointFile start;
        collectively(comm, [&] {
          if (comm.rank() != 0) return;
          CheckpointFolder(out).prune(10, 5);
          start = CheckpointFolder(out).newest([](const std::string&) {});
        });
        auto config = config_on("sharded");
        config.overwrite = false;
        resumed = train(comm, config, network, comm.rank() == 0 ? &start : nullptr);
      });
      if (world.rank() != 0) continue;
      EXPECT_EQ(resumed.parameters_fingerprint, whole.parameters_fingerprint) << spec << " on " << ranks;
      ASSERT_EQ(resumed.traffic_of_parts.size(), spec.starts_with("per-layer") ? 2u : 0u);
    }
    for (const std::string exchange : {"allgather", "server", "allreduce"}) {
      if (exchange == "server" && world.size() < 2) continue;
      if (exchange == "allreduce" && spec != "powersgd:2") continue;  // carries fp32 values alone
      RunResult other;
      on_ranks(world.size(), [&](const Communicator& comm) { other = train(comm, config_on(exchange), network); });
      if (world.rank() != 0) continue;
      EXPECT_EQ(other.parameters_fingerprint, whole.parameters_fingerprint) << spec << ", " << exchange;
    }
    world.barrier();
    if (world.rank() == 0) fs::remove_all(out);
  }
}

TEST(Resume, AnotherConfigurationIsRefusedOnEveryRank) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  const auto out = shared_folder(world, "refuse-test");
  on_ranks(world.size(), [&](const Communicator& comm) {
    train(comm, config_in(out), network);
    const auto refuses = [&](auto change, const char* part) {
      CheckpointFile start;
      if (comm.rank() == 0) {
        CheckpointFolder(out).prune(20, 5);
        start = CheckpointFolder(out).newest([](const std::string&) {});
      }
      auto config = config_in(out);
      config.overwrite = false;
      change(config);
      try {
        train(comm, config, network, comm.rank() == 0 ? &start : nullptr);
        ADD_FAILURE() << part << " was not refused";
      } catch (const CollectiveError& error) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      }
    };
    refuses([](TrainConfig& c) { c.lr = std::nextafter(c.lr, 1.0); }, "--lr");
    refuses([](TrainConfig& c) { c.momentum = 0; }, "--momentum");
    refuses([](TrainConfig& c) { c.nonfinite = NonfinitePolicy::skip; }, "--nonfinite");
    refuses([](TrainConfig& c) { c.steps = 20; }, "20 steps");
    refuses([](TrainConfig& c) { c.seed = 3; }, "--seed");
  });
  world.barrier();
  if (world.rank() == 0) fs::remove_all(out);
}

}  // namespace
}  // namespace tersegrad
