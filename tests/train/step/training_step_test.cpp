// One step on one rank: what is applied, what is refused, what the record says.
#include "tersegrad/train/step/training_step.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tersegrad/comm/mpi/mpi_communicator.hpp"
#include "train/known_objective.hpp"

namespace tersegrad {
namespace {

using testing::KnownObjective;

constexpr std::int64_t size = 300;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// One rank that hosts no agents, as a server; notes the order in which buckets start.
class SpyExchange final : public Exchange {
 public:
  explicit SpyExchange(const ExchangeSetup& setup) : Exchange(setup), map_(setup.agents, 1, 1) {}
  std::string name() const override { return "spy"; }
  const AgentMap& map() const override { return map_; }
  bool has_server() const override { return true; }
  void require(const Compressor&) const override {}
  static inline std::vector<std::uint32_t> started;

 private:
  class Done final : public Flow {
    bool progress() override { return false; }
    bool done() const override { return true; }
  };
  std::unique_ptr<Flow> make_flow(const BucketJob& job) override {
    EXPECT_TRUE(job.local.empty());
    started.push_back(job.bucket.index);
    return std::make_unique<Done>();
  }
  bool counted_on_root() const override { return true; }
  AgentMap map_;
};
const Registration<Exchange, const ExchangeSetup&> spy{
    "spy", "for this test", {}, [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<SpyExchange>(setup); }};

class TrainingStepTest : public ::testing::Test {
 protected:
  TrainingStepTest() {
    config_.model = "known";
    config_.dataset = "none";
    config_.agents = 2;
    config_.exchange = "allgather";
    config_.lr = 0.25;
    config_.bucket = 128;
  }
  void make() {
    parts_.emplace(comm_, config_, [this](const TrainConfig&, const HostedAgents&) {
      auto made = std::make_unique<KnownObjective>(size);
      objective_ = made.get();
      return made;
    });
    step_.emplace(*parts_);
  }
  /// \param k of what is drawn, from 0
  TrainingStep::Outcome run(std::uint64_t k, bool wants_norm = false, std::uint8_t flags = 0) {
    record_ = StepRecord();
    record_.step = static_cast<std::int64_t>(k) + 1;
    step_->begin(record_);
    step_->exchange(flags, record_);
    return step_->update(record_, wants_norm);
  }
  std::vector<float> x() const { return {objective_->parameters().begin(), objective_->parameters().end()}; }
  /// The agents' mean at step k.
  static std::vector<float> mean(std::uint64_t k) {
    std::vector<float> all;
    for (std::size_t j = 0; j < size; ++j) all.push_back((KnownObjective::value(0, k, j) + KnownObjective::value(1, k, j)) / 2);
    return all;
  }
  void spoil_at(std::uint64_t step) {
    objective_->spoil = [step](std::uint32_t agent, std::uint64_t k, std::span<float> gradient) {
      if (k >= step && agent == 1) gradient[200] = INFINITY;
    };
  }

  MpiCommunicator comm_{MPI_COMM_SELF};
  TrainConfig config_;
  std::optional<RunParts> parts_;
  KnownObjective* objective_ = nullptr;
  std::optional<TrainingStep> step_;
  StepRecord record_;
};

TEST_F(TrainingStepTest, MovesXByTheLearningRateTimesTheMean) {
  make();
  auto expected = x();
  for (std::uint64_t k = 0; k < 3; ++k) {
    ASSERT_EQ(run(k), TrainingStep::Outcome::updated);
    for (std::size_t j = 0; j < expected.size(); ++j) expected[j] -= 0.25f * mean(k)[j];
    EXPECT_EQ(x(), expected);
    EXPECT_EQ(record_.loss, 0.5 + static_cast<double>(k));  // the agents' mean
    EXPECT_EQ(record_.learning_rate, 0.25);
    EXPECT_EQ(record_.nonfinite_agents, 0);
  }
}

TEST_F(TrainingStepTest, TheRecordHasTheNormOfTheMeanWhereItIsWantedAndTheSameX) {
  make();
  run(0, true);
  double squares = 0;
  for (const float value : mean(0)) squares += double(value) * double(value);
  EXPECT_DOUBLE_EQ(record_.update_norm, std::sqrt(squares));
  const auto with = x();
  make();
  run(0, false);
  EXPECT_EQ(record_.update_norm, 0);
  EXPECT_EQ(x(), with);
}

TEST_F(TrainingStepTest, TheLearningRateIsTheSchedules) {
  config_.warmup = 4;
  make();
  run(0);
  EXPECT_DOUBLE_EQ(record_.learning_rate, 0.0625);
  run(7);
  EXPECT_DOUBLE_EQ(record_.learning_rate, 0.25);
}

TEST_F(TrainingStepTest, StopEndsTheRunAtTheStepWithXBeforeIt) {
  make();
  spoil_at(1);
  ASSERT_EQ(run(0), TrainingStep::Outcome::updated);
  const auto before = x();
  EXPECT_EQ(run(1), TrainingStep::Outcome::diverged);
  EXPECT_EQ(record_.nonfinite_agents, 1);
  EXPECT_EQ(x(), before);
}

TEST_F(TrainingStepTest, ALossThatIsNotFiniteEndsTheRunUnlessItIsToBeSkipped) {
  for (const auto policy : {NonfinitePolicy::stop, NonfinitePolicy::keep, NonfinitePolicy::skip}) {
    config_.nonfinite = policy;
    make();
    objective_->loss = [](std::uint32_t agent, std::uint64_t) { return agent == 0 ? nan : 1.0; };
    const auto before = x();
    EXPECT_EQ(run(0), policy == NonfinitePolicy::skip ? TrainingStep::Outcome::skipped : TrainingStep::Outcome::diverged);
    EXPECT_EQ(x(), before);
  }
}

TEST_F(TrainingStepTest, KeepAppliesWhatThereIs) {
  config_.nonfinite = NonfinitePolicy::keep;
  make();
  spoil_at(0);
  EXPECT_EQ(run(0), TrainingStep::Outcome::updated);
  EXPECT_EQ(record_.nonfinite_agents, 1);
  EXPECT_EQ(x()[200], -INFINITY);
  EXPECT_EQ(x()[199], 1 - 0.25f * mean(0)[199]);
}

TEST_F(TrainingStepTest, SkipLeavesXAndEveryMemoryAndGivesUpAfterFiftyInARow) {
  config_.nonfinite = NonfinitePolicy::skip;
  config_.compressor = "ef:topk:0.1";
  make();
  ASSERT_EQ(run(0), TrainingStep::Outcome::updated);
  const auto before = x();
  const auto memory = [&] {
    const auto values = parts_->agents->state(1)[0].values;
    return std::vector<float>(values.begin(), values.end());
  };
  const auto remembered = memory();
  spoil_at(1);
  for (std::uint64_t k = 1; k <= 49; ++k) {
    ASSERT_EQ(run(k), TrainingStep::Outcome::skipped);
    EXPECT_EQ(step_->skips_in_a_row(), static_cast<std::int64_t>(k));
  }
  EXPECT_EQ(x(), before);
  EXPECT_EQ(memory(), remembered);
  objective_->spoil = nullptr;
  ASSERT_EQ(run(50), TrainingStep::Outcome::updated);  // and they count anew
  EXPECT_EQ(step_->skips_in_a_row(), 0);
  spoil_at(0);
  for (std::uint64_t k = 51; k < 100; ++k) ASSERT_EQ(run(k), TrainingStep::Outcome::skipped);
  EXPECT_EQ(run(100), TrainingStep::Outcome::diverged);
}

TEST_F(TrainingStepTest, SkipLeavesWhatTheRootRemembers) {
  config_.nonfinite = NonfinitePolicy::skip;
  config_.compressor = "doublesqueeze:qsgd:1";
  make();
  const auto remembered = [&] {
    std::vector<float> all;
    for (const Bucket& bucket : parts_->plan->all()) {
      for (const auto piece : parts_->aggregator->root_memory()->state_of(bucket)) all.insert(all.end(), piece.begin(), piece.end());
    }
    return all;
  };
  ASSERT_EQ(run(0), TrainingStep::Outcome::updated);
  const auto before = remembered();
  EXPECT_NE(before, std::vector<float>(size, 0.0f));
  spoil_at(1);
  ASSERT_EQ(run(1), TrainingStep::Outcome::skipped);
  EXPECT_EQ(remembered(), before);
  objective_->spoil = nullptr;
  ASSERT_EQ(run(2), TrainingStep::Outcome::updated);
  EXPECT_NE(remembered(), before);
}

TEST_F(TrainingStepTest, AResumedRunGoesOnCountingItsSkips) {
  config_.nonfinite = NonfinitePolicy::skip;
  make();
  step_.emplace(*parts_, 48);
  spoil_at(0);
  EXPECT_EQ(run(0), TrainingStep::Outcome::skipped);
  EXPECT_EQ(run(1), TrainingStep::Outcome::diverged);
}

TEST_F(TrainingStepTest, ARankWithoutAgentsStartsAllBucketsInTheOrderInWhichTheyWillCome) {
  config_.exchange = "spy";
  for (const bool overlap : {false, true}) {
    config_.overlap = overlap;
    make();
    SpyExchange::started.clear();
    record_ = StepRecord();
    record_.step = 1;
    step_->begin(record_);
    step_->exchange(0, record_);
    const std::vector<std::uint32_t> forwards = {0, 1, 2}, backwards = {2, 1, 0};
    EXPECT_EQ(SpyExchange::started, overlap ? backwards : forwards);
  }
}

TEST_F(TrainingStepTest, WhatARankSaysIsHeard) {
  make();
  run(0, false, control_report | control_checkpoint);
  EXPECT_EQ(step_->heard(), control_report | control_checkpoint);
  run(1);
  EXPECT_EQ(step_->heard(), 0);
}

TEST_F(TrainingStepTest, AFullGradientIsSharedAndItsLossKeepsItsDigits) {
  config_.batch = 0;
  make();
  auto expected = x();
  ASSERT_EQ(run(0), TrainingStep::Outcome::updated);
  ASSERT_EQ(parts_->source->shared().size(), static_cast<std::size_t>(size));
  for (std::size_t j = 0; j < expected.size(); ++j) expected[j] -= 0.25f * KnownObjective::value(0, 0, j);
  EXPECT_EQ(x(), expected);
  EXPECT_EQ(record_.loss, 0.5);
}

TEST_F(TrainingStepTest, MomentumGoesThroughTheOptimizer) {
  config_.momentum = 0.5;
  make();
  auto expected = x();
  std::vector<float> velocity(size, 0.0f);
  for (std::uint64_t k = 0; k < 3; ++k) {
    ASSERT_EQ(run(k), TrainingStep::Outcome::updated);
    for (std::size_t j = 0; j < expected.size(); ++j) {
      velocity[j] = k == 0 ? mean(k)[j] : 0.5f * velocity[j] + mean(k)[j];
      expected[j] -= 0.25f * velocity[j];
    }
    EXPECT_EQ(x(), expected) << "step " << k;
  }
}

}  // namespace
}  // namespace tersegrad
