// Landscapes through the real agents, compressors and MPI exchange: the same bits however the run is spread, and the
// moments that the theory has for them.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/laws/sign_lattice.hpp"
#include "tersegrad/theory/laws/stationary.hpp"
#include "tersegrad/train/objectives/landscape_objective.hpp"
#include "tersegrad/train/sde_run.hpp"
#include "tersegrad/train/trainer.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

TrainConfig landscape_run(const std::string& landscape, const std::string& compressor, const std::string& noise) {
  TrainConfig config;
  config.model = landscape;
  config.dataset = "none";
  config.batch = 0;
  config.agents = 4;
  config.compressor = compressor;
  config.noise = noise;
  config.exchange = compressor == "none" ? "allreduce" : "server";
  config.sinks = {"csv"};  // needs a folder, of which there is none: nothing is written
  return config;
}

/// What a run leaves: its result and the parameters of every replica.
struct Outcome {
  RunResult result;
  std::vector<float> x;
};

Outcome run_on(const Communicator& comm, const TrainConfig& config) {
  Outcome outcome;
  outcome.result = train(comm, config, [&](const TrainConfig& c, const HostedAgents&) -> std::unique_ptr<Objective> {
    return std::make_unique<Watched>(make_landscape_objective(c, LandscapeRegistry::instance().make(c.model)),
                                     outcome.x);
  });
  return outcome;
}

/// The same of the run's SDE.
Outcome simulate_on(const Communicator& comm, const TrainConfig& config) {
  Outcome outcome;
  outcome.result =
      simulate_sde(comm, config, [&](const TrainConfig& c, const HostedAgents&) -> std::unique_ptr<Objective> {
        return std::make_unique<Watched>(make_landscape_objective(c, LandscapeRegistry::instance().make(c.model)),
                                         outcome.x);
      });
  return outcome;
}

TEST(Landscape, SameBitsOnAnyNumberOfRanks) {
  if (!enough_ranks(3)) GTEST_SKIP() << "needs 3 ranks";
  for (const char* landscape : {"rosenbrock", "quadratic:condition=10,dim=37"}) {
    for (const char* compressor : {"none", "sign", "randk:0.5"}) {
      TrainConfig config = landscape_run(landscape, compressor, "student:3:0.1");
      config.exchange = "server";
      config.replicas = 50;
      config.lr = 1e-3;
      config.steps = 20;
      std::vector<std::string> fingerprints;
      for (const int ranks : {2, 3}) {
        for (const std::int64_t bucket : {128, 1 << 20}) {
          config.bucket = bucket;
          on_ranks(ranks, [&](const Communicator& comm) {
            fingerprints.push_back(std::to_string(run_on(comm, config).result.parameters_fingerprint));
          });
        }
      }
      for (const auto& other : fingerprints) EXPECT_EQ(other, fingerprints.front()) << landscape << " " << compressor;
    }
  }
}

/// Second moments over replicas of each coordinate against the exact ones, `z` standard errors wide: the error of a
/// mean of x² over R replicas is √(Var x²/R), estimated from the replicas themselves.
void expect_second_moments(const std::vector<float>& x, std::size_t dim, const std::vector<double>& expected,
                           const std::string& what) {
  const std::size_t replicas = x.size() / dim;
  for (std::size_t j = 0; j < dim; ++j) {
    double sum = 0, squares = 0;
    for (std::size_t r = 0; r < replicas; ++r) {
      const double square = static_cast<double>(x[r * dim + j]) * static_cast<double>(x[r * dim + j]);
      sum += square;
      squares += square * square;
    }
    const double n = static_cast<double>(replicas), mean = sum / n;
    const double error = std::sqrt((squares / n - mean * mean) / n);
    // z = 5.2: one false alarm in 10^7 per coordinate.
    EXPECT_NEAR(mean, expected[j], 5.2 * error) << what << ", coordinate " << j << " (error " << error << ")";
  }
}

QuadraticSettings settings_of(const TrainConfig& config, std::vector<double> curvature, const NoiseScales& noise) {
  QuadraticSettings settings;
  settings.curvature = std::move(curvature);
  settings.lr = config.lr;
  settings.agents = config.agents;
  settings.noise = noise;
  return settings;
}

TEST(Landscape, SecondMomentsAreTheAlgorithmsExactOnes) {
  // 4,000 replicas of 400 steps from x = 1: both the transient and, for the largest curvatures, the stationary law.
  if (!enough_ranks(3)) GTEST_SKIP() << "needs 3 ranks";
  const std::vector<double> curvature{2, 1, 0.5, 0.25};
  for (const char* compressor : {"none", "randk:1", "randk:2", "sign"}) {
    for (const auto& [noise, nu] :
         {std::pair{"gaussian:0.5", std::numeric_limits<double>::infinity()}, {"student:5:0.5", 5.0}}) {
      TrainConfig config = landscape_run("quadratic:2,1,0.5,0.25", compressor, noise);
      config.replicas = 4000;
      config.lr = 0.05;
      for (const std::int64_t steps : {10, 400}) {
        config.steps = steps;
        std::vector<float> x;
        on_ranks(3, [&](const Communicator& comm) { x = run_on(comm, config).x; });
        if (MpiCommunicator(MPI_COMM_WORLD).rank() != 0) continue;
        const auto settings = settings_of(config, curvature, NoiseScales(nu, 0.5));
        std::vector<double> expected;
        if (std::string(compressor) == "sign") {
          expected = sign_moments(settings, std::vector<double>(4, 1.0), steps).second;
        } else {
          const double omega = std::string(compressor) == "none" ? 0 : compressor[6] == '1' ? 3 : 1;
          const auto moments = dcsgd_recursion(settings, omega);
          for (std::size_t j = 0; j < 4; ++j) expected.push_back(moments.second(j, 1.0, steps));
        }
        expect_second_moments(x, 4, expected, concat(compressor, " under ", noise, " after ", steps, " steps"));
      }
    }
  }
}

TEST(Landscape, DcsgdLeavesItsBoundPastTheExactLearningRate) {
  // λ = 1, N = 4, ω = 7: second moments are bounded up to 2N/(λ(N + ω)) = 0.727. A tenth below it E‖x‖² falls, a
  // tenth above it grows, each by its exact factor per step.
  if (!enough_ranks(3)) GTEST_SKIP() << "needs 3 ranks";
  const double limit = dcsgd_exact_lr_limit(1, 4, 7);
  for (const double lr : {0.9 * limit, 1.1 * limit}) {
    TrainConfig config = landscape_run("quadratic:1x8", "randk:1", "none");
    config.replicas = 20000;
    config.lr = lr;
    config.steps = 6;
    std::vector<float> x;
    on_ranks(3, [&](const Communicator& comm) { x = run_on(comm, config).x; });
    if (MpiCommunicator(MPI_COMM_WORLD).rank() != 0) continue;
    const auto moments = dcsgd_recursion(
        settings_of(config, std::vector<double>(8, 1.0), NoiseScales(std::numeric_limits<double>::infinity(), 0.0)), 7);
    const double expected = moments.second(0, 1.0, config.steps);
    EXPECT_EQ(expected > 1, lr > limit);
    expect_second_moments(x, 8, std::vector<double>(8, expected), concat("lr ", lr));
  }
}

TEST(Sde, HasTheMomentsOfItsIntegrator) {
  // Euler–Maruyama's second moments on a quadratic are known exactly; with Δt = η and Δt = η/4.
  const std::vector<double> curvature{2, 1, 0.5, 0.25};
  for (const char* compressor : {"none", "randk:1"}) {
    for (const std::int64_t parts : {1, 4}) {
      TrainConfig config = landscape_run("quadratic:2,1,0.5,0.25", compressor, "student:5:0.5");
      config.replicas = 4000;
      config.lr = 0.05;
      config.steps = 60;
      config.sde = parts;
      const auto law =
          dcsgd_law(settings_of(config, curvature, NoiseScales(5, 0.5)), std::string(compressor) == "none" ? 0 : 3);
      const auto moments = euler_maruyama_moments(law, config.lr / static_cast<double>(parts));
      std::vector<double> expected;
      for (std::size_t j = 0; j < 4; ++j) expected.push_back(moments.second(j, 1.0, config.steps * parts));
      on_ranks(1, [&](const Communicator& comm) {
        expect_second_moments(simulate_on(comm, config).x, 4, expected, concat(compressor, ", ", parts, " parts"));
      });
    }
  }
}

TEST(Sde, SameBitsOnAnyNumberOfRanks) {
  if (!enough_ranks(3)) GTEST_SKIP() << "needs 3 ranks";
  for (const char* compressor : {"none", "sign", "randk:0.5"}) {
    TrainConfig config = landscape_run("rosenbrock", compressor, "student:3:0.1");
    config.replicas = 20;
    config.lr = 1e-4;
    config.steps = 70;
    config.sde = 1;
    std::vector<std::uint64_t> fingerprints;
    for (const int ranks : {1, 2, 3}) {
      on_ranks(ranks, [&](const Communicator& comm) {
        fingerprints.push_back(simulate_on(comm, config).result.parameters_fingerprint);
      });
    }
    for (const auto other : fingerprints) EXPECT_EQ(other, fingerprints.front()) << compressor;
  }
}

TEST(Sde, RefusesWhatHasNoSde) {
  const auto refused = [](const std::string& part, const std::function<void(TrainConfig&)>& change) {
    TrainConfig config = landscape_run("rosenbrock", "none", "gaussian:1");
    config.sde = 1;
    change(config);
    on_ranks(1, [&](const Communicator& comm) {
      try {
        simulate_on(comm, config);
        ADD_FAILURE() << "accepted: " << part;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      }
    });
  };
  refused("--batch full", [](TrainConfig& c) { c.batch = 8; });
  refused("--momentum", [](TrainConfig& c) { c.momentum = 0.5; });
  refused("--schedule", [](TrainConfig& c) { c.schedule = "cosine"; });
  refused("nu", [](TrainConfig& c) { c.noise = "student:2:1"; });
}

TEST(Landscape, ADivergedReplicaLeavesTheOthersAlone) {
  // Rosenbrock from far away blows up in some replicas under large noise; those are counted, frozen and left out.
  TrainConfig config = landscape_run("rosenbrock", "none", "student:1:10");
  config.replicas = 2000;
  config.lr = 2e-4;
  config.steps = 300;
  on_ranks(1, [&](const Communicator& comm) {
    const auto outcome = run_on(comm, config);
    EXPECT_FALSE(outcome.result.diverged);
    EXPECT_EQ(outcome.result.steps, 300);
    EXPECT_TRUE(std::isfinite(outcome.result.loss_last));
    std::int64_t lost = 0;
    for (std::size_t j = 0; j < outcome.x.size(); j += 2) {
      lost += !std::isfinite(outcome.x[j]) || !std::isfinite(outcome.x[j + 1]);
    }
    EXPECT_GT(lost, 0);
    EXPECT_LT(lost, 1000);
  });
}

TEST(Landscape, OffersWhatItHas) {
  const TrainConfig config = landscape_run("quadratic:2,1", "none", "none");
  const auto objective = make_landscape_objective(config, LandscapeRegistry::instance().make(config.model));
  EXPECT_NE(objective->exact_gradient(), nullptr);
  EXPECT_NE(objective->observables(), nullptr);
  EXPECT_EQ(objective->agent_gradients(), nullptr);
  EXPECT_EQ(objective->finite_sum(), nullptr);
  EXPECT_EQ(objective->agent_statistics(), nullptr);
  EXPECT_EQ(objective->test_set(), nullptr);
  // All of the gradient is written, whatever was there.
  const auto gradient = objective->gradient();
  std::fill(gradient.begin(), gradient.end(), 7.0f);
  objective->exact_gradient()->compute_exact_gradient();
  const std::vector<float> first(gradient.begin(), gradient.end());
  objective->exact_gradient()->compute_exact_gradient();
  EXPECT_EQ(std::vector<float>(gradient.begin(), gradient.end()), first);
}

TEST(Landscape, ObservesItsReplicas) {
  TrainConfig config = landscape_run("quadratic:2,1", "none", "none");
  config.replicas = 3;
  config.start = "3,4";
  const auto objective = make_landscape_objective(config, LandscapeRegistry::instance().make(config.model));
  const auto x = objective->parameters();
  const std::vector<float> points{3, 4, 1, 0, std::numeric_limits<float>::infinity(), 0};
  EXPECT_EQ(std::vector<float>(x.begin(), x.begin() + 2), (std::vector<float>{3, 4}));
  std::copy(points.begin(), points.end(), x.begin());
  // f = 9 + 8 and 1; the third has diverged
  EXPECT_DOUBLE_EQ(objective->exact_gradient()->compute_exact_gradient(), (17.0 + 1.0) / 2);
  EXPECT_EQ(std::vector<float>(objective->gradient().begin(), objective->gradient().end()),
            (std::vector<float>{6, 4, 2, 0, 0, 0}));
  std::vector<double> observed(objective->observables()->series().size());
  objective->observables()->observe(observed);
  const std::vector<double> expected{16 / std::sqrt(2.0), (52.0 + 4) / 2, (25.0 + 1) / 2, 1, 2, 2, 2, 8, 4};
  ASSERT_EQ(observed.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_DOUBLE_EQ(observed[i], expected[i]) << i;
}

TEST(Landscape, RefusesWhatItCannotDo) {
  TrainConfig config = landscape_run("rosenbrock", "none", "none");
  const auto make = [&] { return make_landscape_objective(config, LandscapeRegistry::instance().make(config.model)); };
  config.batch = 32;
  EXPECT_THROW(make(), Error);
  config.batch = 0;
  for (const char* start : {"1,2,3", "a", "1,,2", "nan", "1,inf"}) {
    config.start = start;
    EXPECT_THROW(make(), Error) << start;
  }
}

}  // namespace
}  // namespace tersegrad
