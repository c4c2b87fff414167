// Gradients that are all zero, or not finite on one agent at one step: with every compressor.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "compress/round_trip.hpp"
#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/trainer.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t dim = 300;
constexpr std::uint64_t faulty_step = 2;
constexpr std::uint32_t faulty_agent = 1;

/// f = ½‖x − a‖² of each agent's own a; at one step one coordinate of one agent's gradient is `fault`.
class Bowl final : public Objective, public AgentGradients {
 public:
  Bowl(float scale, float fault, std::uint32_t faulty)
      : scale_(scale), fault_(fault), faulty_(faulty), x_(dim, 1.0f), gradient_(dim) {}
  ParameterLayout layout() const override { return {dim, 1}; }
  std::span<float> parameters() override { return x_; }
  std::span<float> gradient() override { return gradient_; }
  AgentGradients* agent_gradients() override { return this; }
  double agent_gradient(std::uint32_t agent, std::uint64_t step) override {
    double loss = 0;
    for (std::size_t j = 0; j < gradient_.size(); ++j) {
      gradient_[j] = scale_ * (x_[j] - 0.1f * static_cast<float>(agent) - 1e-3f * static_cast<float>(j));
      loss += 0.5 * static_cast<double>(gradient_[j]) * static_cast<double>(gradient_[j]);
    }
    if (agent == faulty_ && step == faulty_step && fault_ != 0) gradient_[137] = fault_;
    return loss;
  }
  double agent_gradient_in_parts(std::uint32_t agent, std::uint64_t step, const GradientReady& ready) override {
    const double loss = agent_gradient(agent, step);
    ready(0, dim, loss);
    return loss;
  }

 private:
  float scale_, fault_;
  std::uint32_t faulty_;
  std::vector<float> x_, gradient_;
};

struct Outcome {
  RunResult result;
  std::vector<float> x;
};

TrainConfig config_of(const std::string& compressor, NonfinitePolicy policy) {
  TrainConfig config;
  config.compressor = compressor;
  config.exchange = "sharded";
  config.bucket = 128;
  config.agents = 3;
  config.steps = 6;
  config.lr = 0.01;
  config.nonfinite = policy;
  config.sinks = {"summary"};
  return config;
}

Outcome run_on(const Communicator& comm, const std::string& compressor, NonfinitePolicy policy, float scale,
               float fault, std::uint32_t faulty = faulty_agent) {
  const TrainConfig config = config_of(compressor, policy);
  Outcome outcome;
  outcome.result = train(comm, config, [&](const TrainConfig&, const HostedAgents&) {
    return std::make_unique<Watched>(std::make_unique<Bowl>(scale, fault, faulty), outcome.x);
  });
  return outcome;
}

std::vector<std::string> specs() {
  auto all = testing::all_specs();
  const auto more = testing::more_specs();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

bool all_finite(const std::vector<float>& x) {
  for (const float value : x) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();

TEST(NumericFaults, AllZeroGradientsMoveNothing) {
  on_ranks(2, [](const Communicator& comm) {
    for (const auto& spec : specs()) {
      SCOPED_TRACE(spec);
      const Outcome outcome = run_on(comm, spec, NonfinitePolicy::stop, 0, 0);
      EXPECT_FALSE(outcome.result.diverged);
      EXPECT_EQ(outcome.result.steps, 6);
      // sign(0) = ±1 is what these were asked for.
      const bool moves = spec.find("random") != std::string::npos || spec.find("plus") != std::string::npos;
      for (const float value : outcome.x) {
        ASSERT_TRUE(std::isfinite(value));
        if (!moves) {
          ASSERT_EQ(value, 1.0f);
        }
      }
    }
  });
}

TEST(NumericFaults, SkipTakesOneStepBackEverywhere) {
  on_ranks(2, [](const Communicator& comm) {
    for (const auto& spec : specs()) {
      for (const float fault : {nan, infinity, -infinity}) {
        SCOPED_TRACE(concat(spec, ", ", fault));
        const Outcome outcome = run_on(comm, spec, NonfinitePolicy::skip, 1, fault);
        EXPECT_EQ(outcome.result.nonfinite_steps, 1);
        EXPECT_EQ(outcome.result.steps, 6);
        EXPECT_FALSE(outcome.result.diverged);
        EXPECT_TRUE(all_finite(outcome.x));
      }
    }
  });
}

/// A skipped step leaves no trace: whoever had the fault, x goes on from the same memories (error feedback, momentum).
TEST(NumericFaults, SkipLeavesEveryMemoryAsItWas) {
  on_ranks(2, [](const Communicator& comm) {
    for (const auto& spec : specs()) {
      SCOPED_TRACE(spec);
      const Outcome one = run_on(comm, spec, NonfinitePolicy::skip, 1, nan, 1);
      const Outcome other = run_on(comm, spec, NonfinitePolicy::skip, 1, infinity, 2);
      EXPECT_EQ(one.result.nonfinite_steps, 1);
      EXPECT_EQ(one.x, other.x);
    }
  });
}

/// A finite gradient that fp16 cannot hold is as bad as an infinite one: it arrives as inf.
TEST(NumericFaults, AnOverflowOnTheWireIsSkippedLikeAnInfinity) {
  on_ranks(2, [](const Communicator& comm) {
    for (const char* spec : {"none:fp16", "randk:1.0:fp16", "bernoulli:1:fp16", "topk:0.25:fp16", "ef:topk:0.25:fp16",
                             "ef21:topk:0.25:fp16"}) {
      SCOPED_TRACE(spec);
      const Outcome outcome = run_on(comm, spec, NonfinitePolicy::skip, 1, 1e6f);
      EXPECT_EQ(outcome.result.nonfinite_steps, 1);
      EXPECT_EQ(outcome.result.steps, 6);
      EXPECT_FALSE(outcome.result.diverged);
      EXPECT_TRUE(all_finite(outcome.x));
      EXPECT_TRUE(run_on(comm, spec, NonfinitePolicy::stop, 1, 1e6f).result.diverged);
    }
  });
}

TEST(NumericFaults, StopEndsAtThatStepWithTheParametersBeforeIt) {
  on_ranks(2, [](const Communicator& comm) {
    for (const auto& spec : specs()) {
      for (const float fault : {nan, infinity}) {
        SCOPED_TRACE(concat(spec, ", ", fault));
        const Outcome outcome = run_on(comm, spec, NonfinitePolicy::stop, 1, fault);
        EXPECT_TRUE(outcome.result.diverged);
        EXPECT_EQ(outcome.result.steps, static_cast<std::int64_t>(faulty_step) + 1);
        EXPECT_TRUE(all_finite(outcome.x));
      }
    }
  });
}

TEST(NumericFaults, KeepForgetsInAllBucketsAlike) {
  // One NaN spoils a scale that reaches over buckets: EF21's mean keeps what it had in the others too.
  const MpiCommunicator world(MPI_COMM_WORLD);
  std::int64_t pid = world.rank() == 0 ? ::getpid() : 0;
  world.sum(std::span<std::int64_t>(&pid, 1));
  for (const char* spec : {"ef21:scaled-sign", "ef21:qsgd:4:0", "ef21:topk:0.25"}) {
    SCOPED_TRACE(spec);
    std::vector<std::vector<std::byte>> means;
    for (const std::int64_t bucket : {128, 4096}) {
      const auto out = std::filesystem::path(::testing::TempDir()) / concat("numeric-faults-", pid, "-", bucket);
      on_ranks(2, [&](const Communicator& comm) {
        auto config = config_of(spec, NonfinitePolicy::keep);
        config.bucket = bucket;
        config.steps = config.checkpoint_every = faulty_step + 1;
        config.out = out;
        config.overwrite = true;
        train(comm, config, [&](const TrainConfig&, const HostedAgents&) {
          return std::make_unique<Bowl>(1.0f, nan, faulty_agent);
        });
      });
      if (world.rank() != 0) continue;
      const auto checkpoint = CheckpointFolder(out).newest([](const std::string&) {});
      const auto mean = checkpoint.view.section("aggregator/mean");
      means.emplace_back(mean.begin(), mean.end());
      for (std::size_t at = 0; at < mean.size(); at += sizeof(float)) {
        float value;
        std::memcpy(&value, mean.data() + at, sizeof value);
        ASSERT_TRUE(std::isfinite(value)) << "bucket " << bucket << ", coordinate " << at / sizeof value;
      }
    }
    if (world.rank() == 0) {
      EXPECT_EQ(means[0], means[1]);
    }
  }
}

TEST(NumericFaults, KeepGoesOnAndCounts) {
  on_ranks(2, [](const Communicator& comm) {
    for (const auto& spec : specs()) {
      SCOPED_TRACE(spec);
      const Outcome outcome = run_on(comm, spec, NonfinitePolicy::keep, 1, nan);
      // Uncompressed, a NaN in x is a loss that is not finite, which is a divergence whatever the policy.
      EXPECT_GE(outcome.result.nonfinite_steps, 1);
      const bool signs = spec.starts_with("sign") || spec.starts_with("majority");
      if (signs && spec.find("scaled") == std::string::npos) {
        EXPECT_TRUE(all_finite(outcome.x)) << "a NaN votes zero";
        EXPECT_EQ(outcome.result.nonfinite_steps, 1);
        EXPECT_FALSE(outcome.result.diverged);
      }
    }
  });
}

}  // namespace
}  // namespace tersegrad
