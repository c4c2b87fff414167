// Noise reports on real ranks: they recover injected noise, do not depend on ranks, and leave training alone.
#include "tersegrad/train/noise_report/noise_report.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <limits>

#include "models/network.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/trainer.hpp"
#include "train/objectives/stateful_network.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

const Registration<Network, const NetworkShape&> registration{
    "leaky", "BatchNorm and dropout", {},
    [](const Arguments&, const NetworkShape& shape) { return std::make_unique<StatefulNetwork>(shape, 0.5); }};

std::unique_ptr<Objective> network(const TrainConfig& config, const HostedAgents& agents) {
  return make_network_objective(config, DatasetRegistry::instance().make("breast-cancer", DataSource{{}, 1, 0}),
                                agents);
}

TrainConfig small_run() {
  TrainConfig config;
  config.model = "logreg";
  config.agents = 4;
  config.batch = 8;
  config.steps = 6;
  config.lr = 0.01;
  config.noise_report = 3;
  config.exchange = "allreduce";
  config.sinks = {"csv"};  // needs a folder, of which there is none: nothing is written
  return config;
}

void expect_same(const NoiseMeasurement& a, const NoiseMeasurement& b) {
  const auto one = a.values(), other = b.values();
  for (std::size_t c = 0; c < one.size(); ++c) {
    EXPECT_TRUE(one[c] == other[c] || (std::isnan(one[c]) && std::isnan(other[c])))
        << NoiseMeasurement::columns()[c].name << ": " << one[c] << " and " << other[c];
  }
}

TEST(NoiseReport, IsTheSameOnAnyNumberOfRanks) {
  if (!enough_ranks(5)) GTEST_SKIP() << "needs 5 ranks";
  for (const std::int64_t batch : {0, 8}) {
    TrainConfig config = small_run();
    config.batch = batch;
    if (batch == 0) config.noise = "student:3:0.1";
    NoiseMeasurement reference;
    for (const auto& [exchange, ranks] :
         {std::pair{"allreduce", 1}, {"allreduce", 3}, {"allreduce", 4}, {"server", 3}, {"server", 5}}) {
      config.exchange = exchange;
      on_ranks(ranks, [&](const Communicator& comm) {
        const auto result = train(comm, config, network);
        EXPECT_EQ(result.noise_reports, 2);
        if (comm.rank() != 0) return;
        EXPECT_EQ(result.noise_measured.step, 6);
        EXPECT_FALSE(std::isnan(result.noise_measured.tail.nu));
        if (reference.step == 0) reference = result.noise_measured;
        expect_same(result.noise_measured, reference);
      });
    }
  }
}

TEST(NoiseReport, LeavesTrainingAlone) {
  for (const std::string model : {"leaky", "logreg"}) {
    for (const std::int64_t batch : {0, 8}) {
      if (model == "leaky" && batch == 0) continue;  // refused: running statistics need mini-batches
      TrainConfig config = small_run();
      config.model = model;
      config.batch = batch;
      config.noise = batch == 0 ? "student:3:0.1" : "gaussian:0.01";
      config.clip_norm = 1;
      config.sampling = batch == 0 ? "shuffle" : "iid";
      on_ranks(1, [&](const Communicator& comm) {
        const auto with = train(comm, config, network);
        TrainConfig without = config;
        without.noise_report = 0;
        const auto plain = train(comm, without, network);
        EXPECT_EQ(with.parameters_fingerprint, plain.parameters_fingerprint) << model << ", batch " << batch;
        EXPECT_EQ(with.loss_last, plain.loss_last);
        EXPECT_EQ(with.test.loss, plain.test.loss);  // BatchNorm's running statistics show here
        EXPECT_EQ(with.noise_reports, 2);
        EXPECT_EQ(plain.noise_reports, 0);
      });
    }
  }
}

TEST(NoiseReport, RecoversInjectedNoiseAsOftenAsItSays) {
  // One report on the full gradient a seed; share of covering 95 % intervals within z = 4 binomial errors. At ν = ∞,
  // an end point, ν is covered with 97.5 %; σ's interval is linearised there, and may only be too wide.
  if (MpiCommunicator(MPI_COMM_WORLD).size() > 1) GTEST_SKIP() << "the same on any number of ranks: once is enough";
  constexpr int seeds = 50;
  on_ranks(1, [&](const Communicator& comm) {
    for (const double nu : {2.5, infinity}) {
      int tail = 0, scale = 0;
      for (int seed = 1; seed <= seeds; ++seed) {
        TrainConfig config = small_run();
        config.batch = 0;
        config.noise = std::isinf(nu) ? "gaussian:0.3" : "student:2.5:0.3";
        config.noise_batch = 4;  // the agents see 0.15; σ is that of batch 1
        config.steps = config.noise_report = 1;
        config.seed = static_cast<std::uint64_t>(seed);
        const auto m = train(comm, config, network).noise_measured;
        tail += m.tail.nu_low <= nu && nu <= m.tail.nu_high;
        scale += m.sigma_low <= 0.3 && 0.3 <= m.sigma_high;
        EXPECT_EQ(m.still, 0);
        EXPECT_EQ(m.irregular, 0);
        EXPECT_NEAR(m.phase1 + m.phase2 + m.phase3, 1, 1e-12);
      }
      const auto error = [&](double p) { return 4 * std::sqrt(p * (1 - p) / seeds); };
      const double expected = std::isinf(nu) ? 0.975 : 0.95;
      EXPECT_NEAR(tail / double{seeds}, expected, error(expected)) << "nu " << nu;
      EXPECT_GE(scale / double{seeds}, 0.95 - error(0.95)) << "nu " << nu;
    }
  });
}

TEST(NoiseReport, KnowsTheSignalOfAKnownGradient) {
  // The phases of a full gradient with Gaussian noise, against those computed from the gradient itself. 2048 or fewer
  // coordinates are all sampled; each of 64 draws: an estimate of ∂f is off by σ/8, so shares near the borders move.
  on_ranks(1, [&](const Communicator& comm) {
    TrainConfig config = small_run();
    config.batch = 0;
    config.noise = "gaussian:0.02";
    config.steps = config.noise_report = 1;
    std::vector<double> gradient;
    const auto m = train(comm, config, [&](const TrainConfig& c, const HostedAgents& agents) {
                     auto objective = network(c, agents);
                     for (std::int64_t chunk = 0; chunk < objective->finite_sum()->gradient_chunks(); ++chunk)
                       objective->finite_sum()->add_chunk_gradient(chunk);
                     gradient.assign(objective->gradient().begin(), objective->gradient().end());
                     return objective;
                   }).noise_measured;
    double sure = 0, weak = 0;
    for (const double g : gradient) {
      sure += std::abs(g) / 0.02 > m.psi;
      weak += std::abs(g) / 0.02 < 1;
    }
    const auto d = static_cast<double>(gradient.size());
    EXPECT_NEAR(m.phase1, sure / d, 0.15);
    EXPECT_NEAR(m.phase3, weak / d, 0.15);
    EXPECT_NEAR(m.trace, d * 0.02 * 0.02, 0.15 * d * 0.02 * 0.02);  // 4·62 variances of 16 draws: error 2.3 %
    EXPECT_GT(sure, 0);
    EXPECT_GT(weak, 0);
  });
}

TEST(NoiseReport, SaysWhenThereIsNothingToFit) {
  on_ranks(1, [&](const Communicator& comm) {
    TrainConfig config = small_run();
    config.batch = 0;
    config.noise = "gaussian:0";
    const auto m = train(comm, config, network).noise_measured;
    EXPECT_TRUE(std::isnan(m.tail.nu));
    EXPECT_TRUE(std::isnan(m.sigma));
    EXPECT_EQ(m.still, 1);
  });
}

TEST(NoiseReport, IsRefusedWhereThereIsNoNoise) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  for (const auto& [change, text] : std::vector<std::pair<std::function<void(TrainConfig&)>, std::string>>{
           {[](TrainConfig& c) { c.batch = 0; }, "--noise-report has nothing to measure"},
           {[](TrainConfig& c) { c.noise_report = -1; }, "--noise-report is -1"},
           {[](TrainConfig& c) { c.noise_report = 7; }, "must be at most --steps, 6"}}) {
    TrainConfig config = small_run();
    config.agents = 16;
    change(config);
    try {
      train(world, config, network);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const CollectiveError& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  }
}

TEST(NoiseReport, ColumnsAreThereOnlyWithTheOption) {
  on_ranks(1, [&](const Communicator& comm) {
    for (const std::int64_t every : {0, 2}) {
      TrainConfig config = small_run();
      config.noise_report = every;
      config.log_every = 5;
      config.out = std::filesystem::path(testing::TempDir()) / ("noise_report_" + std::to_string(every));
      config.overwrite = true;
      train(comm, config, network);
      std::ifstream file(config.out / "metrics.csv");
      std::string header, row;
      std::getline(file, header);
      EXPECT_EQ(header.find("noise_nu_low") != std::string::npos, every > 0) << header;
      int rows = 0, reports = 0;
      while (std::getline(file, row)) {
        ++rows;
        EXPECT_EQ(std::count(row.begin(), row.end(), ','), std::count(header.begin(), header.end(), ','));
        if (every == 0) continue;
        const auto column = std::count(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(header.find("noise_nu_low")), ',');
        std::istringstream cells(row);
        std::string cell;
        for (std::ptrdiff_t c = 0; c <= column; ++c) std::getline(cells, cell, ',');
        reports += cell.find_first_of("0123456789") != std::string::npos;
      }
      EXPECT_EQ(rows, every > 0 ? 5 : 3);  // 1, 5, 6, and the reports at 2, 4, 6
      EXPECT_EQ(reports, every > 0 ? 3 : 0);
    }
  });
}

}  // namespace
}  // namespace tersegrad
