// Whatever takes longer than --stall-timeout, but gets on, is not taken for a stall: the job would end.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <chrono>
#include <thread>

#include "models/network.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/objectives/landscape_objective.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/trainer.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

constexpr double timeout_s = 4;  // a rank of a busy machine may lie still for a second or two
constexpr int pieces = 30;

/// Half as long again as the timeout, in so many pieces.
void piece() { std::this_thread::sleep_for(std::chrono::duration<double>(1.5 * timeout_s / pieces)); }

/// Sleeps between operators: as it is made, in forward, in backward. It tells of no progress itself.
class SlowNetwork final : public Network {
 public:
  explicit SlowNetwork(const NetworkShape& shape) {
    for (int i = 0; i < pieces; ++i) {
      piece();
      torch::zeros({1});
    }
    map_ = register_module("map", torch::nn::Linear(shape.input[0], shape.classes));
  }
  torch::Tensor forward(torch::Tensor x) override {
    x = map_(x);
    for (int i = 0; i < pieces; ++i) {
      piece();
      x = x + 0;
      if (x.requires_grad()) x.register_hook([](const torch::Tensor&) { piece(); });
    }
    return x;
  }

 private:
  torch::nn::Linear map_{nullptr};
};

const Registration<Network, const NetworkShape&> slow_network{
    "slow", "sleeps", {}, [](const Arguments&, const NetworkShape& shape) {
      return std::make_unique<SlowNetwork>(shape);
    }};

/// Takes long for each coordinate.
class SlowNoise final : public Noise {
 public:
  std::string name() const override { return "slow"; }
  void add(const Stream&, std::int64_t, std::span<float> values, float) const override {
    const double share = static_cast<double>(values.size()) / static_cast<double>(1 << 22);
    std::this_thread::sleep_for(std::chrono::duration<double>(0.5 * timeout_s * share));
  }
  std::unique_ptr<Noise> replicated(std::int64_t) const override { return std::make_unique<SlowNoise>(); }
  double sigma() const override { return 1; }
  double nu() const override { return 3; }
};

const Registration<Noise> slow_noise{
    "slow", "sleeps", {}, [](const Arguments&) { return std::make_unique<SlowNoise>(); }};

TrainConfig slow_run() {
  TrainConfig config;
  config.agents = 1;
  config.steps = 1;
  config.sinks = {"csv"};
  config.stall_timeout = timeout_s;
  return config;
}

/// Making the model, a step's forward and backward, and the chunk of the evaluation: each takes longer than the
/// timeout.
TEST(SlowWork, ANetworkThatGetsOnIsNotStuck) {
  TrainConfig config = slow_run();
  config.model = "slow";
  const MpiCommunicator world(MPI_COMM_WORLD);
  const Stopwatch watch;
  const auto result = train(world, config, [](const TrainConfig& c, const HostedAgents& agents) {
    return make_network_objective(c, DatasetRegistry::instance().make("breast-cancer", DataSource{{}, 1, 0}), agents);
  });
  EXPECT_EQ(result.steps, 1);
  EXPECT_GT(watch.seconds(), 6 * timeout_s);
  if (world.rank() == 0) {
    EXPECT_EQ(result.test_rows.count, 114);
  }
}

/// A compressor that wants the whole gradient gets all of its noise at once.
TEST(SlowWork, NoiseOfAVeryLongVectorIsNotStuck) {
  TrainConfig config = slow_run();
  config.model = "quadratic:condition=10,dim=12000000";
  config.dataset = "none";
  config.batch = 0;
  config.noise = "slow";
  config.compressor = "topk:0.0001";
  const MpiCommunicator world(MPI_COMM_WORLD);
  const auto result = train(world, config, [](const TrainConfig& c, const HostedAgents&) {
    return make_landscape_objective(c, LandscapeRegistry::instance().make(c.model));
  });
  EXPECT_EQ(result.steps, 1);
}

}  // namespace
}  // namespace tersegrad
