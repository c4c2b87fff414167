// The agents of one rank: what is in their messages, and when a bucket goes.
#include "tersegrad/train/step/agents.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "tersegrad/comm/mpi/mpi_communicator.hpp"
#include "train/known_objective.hpp"

namespace tersegrad {
namespace {

using testing::KnownObjective;

constexpr std::int64_t size = 700;
constexpr std::uint32_t first = 2, last = 5;  // of more

class AgentsTest : public ::testing::Test {
 protected:
  Agents& make(std::int64_t bucket, const std::string& spec = "none", std::uint32_t begin = first, std::uint32_t end = last) {
    noise_ = NoiseRegistry::instance().make(config_.noise);
    compressor_ = CompressorRegistry::instance().make(spec, CompressorSetup{{size, 1}, config_.seed, 8});
    buckets_ = cut_into_buckets(size, bucket);
    plan_.emplace(buckets_);
    if (!source_) source_ = make_gradient_source(comm_, objective_, 1);
    return agents_.emplace(AgentParts{&config_, &objective_, source_.get(), noise_.get(), compressor_.get(), &*plan_}, begin, end);
  }
  /// What the last agent's messages do.
  struct Sink final : MessageSink {
    std::function<void(const Bucket&)> then = [](const Bucket&) {};
    std::vector<std::uint32_t> sent;
    void complete(const Bucket& bucket) override { sent.push_back(bucket.index), then(bucket); }
  };
  /// All agents' messages. \param draw of the step, from 0 \return the last agent's buckets in their order
  std::vector<std::uint32_t> compute(std::uint64_t draw, std::uint8_t control = 0, std::function<void(const Bucket&)> then = {}) {
    const auto step = static_cast<std::int64_t>(draw) + 1;
    TimeSplit time;
    StepClock clock(time);
    Sink sink;
    for (std::uint32_t agent = agents_->begin(); agent < agents_->end(); ++agent) {
      const bool is_last = agent + 1 == agents_->end();
      sink = Sink();
      if (is_last && then) sink.then = then;
      agents_->send_gradient(agent, step, control, is_last, sink, clock);
    }
    return sink.sent;
  }
  /// What an agent's messages hold, decoded. \param agent from `first`
  std::vector<float> sent(std::uint32_t agent) {
    std::vector<float> all;
    const auto encoder = CompressorRegistry::instance().make("none", CompressorSetup{{size, 1}, 1, 8})->encoder(agent);
    for (const Bucket& bucket : buckets_) {
      std::vector<float> part(static_cast<std::size_t>(bucket.size()));
      encoder->decode_own(bucket, agents_->messages(bucket)[agent - first], part);
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }

  TrainConfig config_;
  KnownObjective objective_{size};
  std::unique_ptr<Noise> noise_;
  std::unique_ptr<Compressor> compressor_;
  std::vector<Bucket> buckets_;
  std::optional<BucketPlan> plan_;
  MpiCommunicator comm_{MPI_COMM_SELF};
  std::unique_ptr<GradientSource> source_;  // a mini-batch each, unless a test makes another one first
  std::optional<Agents> agents_;
};

TEST(Buckets, BeginAtMultiplesOf128AndCoverEverything) {
  for (const std::int64_t total : {1, 127, 128, 129, 1000, 4096}) {
    for (const std::int64_t wanted : {1, 128, 200, 5000}) {
      const auto buckets = cut_into_buckets(total, wanted);
      std::int64_t end = 0;
      for (std::size_t i = 0; i < buckets.size(); ++i) {
        EXPECT_EQ(buckets[i].index, i);
        EXPECT_EQ(buckets[i].begin, end);
        EXPECT_EQ(buckets[i].begin % 128, 0);
        EXPECT_GT(buckets[i].size(), 0);
        end = buckets[i].end;
      }
      EXPECT_EQ(end, total);
      if (wanted == 200 && total == 1000) {
        EXPECT_EQ(buckets.size(), 4u);  // of 256
      }
    }
  }
}

TEST_F(AgentsTest, MessagesHoldTheirAgentsGradientAndSayWhoseTheyAre) {
  make(256);
  compute(11, control_stop);
  for (std::uint32_t agent = first; agent < last; ++agent) {
    EXPECT_EQ(sent(agent), KnownObjective::values(agent, 11, size));
    for (const Bucket& bucket : buckets_) {
      ASSERT_EQ(agents_->messages(bucket).size(), 3u);
      const Header& header = agents_->messages(bucket)[agent - first].header;
      EXPECT_NO_THROW(check(header, {MessageKind::uplink, 12, bucket, agent, compressor_id("none"), 4 * 256}, "the test"));
      EXPECT_EQ(header.loss, static_cast<float>(agent + 11));
      EXPECT_EQ(header.control, control_stop);
    }
  }
}

TEST_F(AgentsTest, EveryBucketStartsOnceWhenTheLastAgentsMessageIsThere) {
  make(256);
  std::vector<std::size_t> complete;
  const auto started = compute(3, 0, [&](const Bucket& bucket) {
    for (const Message& message : agents_->messages(bucket)) complete.push_back(message.header.step == 4 ? message.payload.size() : 0);
  });
  EXPECT_EQ(started, (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(complete, (std::vector<std::size_t>{1024, 1024, 1024, 1024, 1024, 1024, 752, 752, 752}));
}

TEST_F(AgentsTest, WithOverlapBucketsGoWhileBackwardRuns) {
  config_.overlap = true;
  make(128);
  std::vector<int> parts_before;
  const auto started = compute(0, 0, [&](const Bucket&) { parts_before.push_back(objective_.parts_told); });
  EXPECT_EQ(started, (std::vector<std::uint32_t>{5, 4, 3, 2, 1, 0}));
  // The last bucket, [640, 700), is complete with the first of seven parts: one part at least is then still to come.
  EXPECT_EQ(parts_before.front(), 0);
  EXPECT_LT(parts_before[4], 6);
  for (std::uint32_t agent = first; agent < last; ++agent) EXPECT_EQ(sent(agent), KnownObjective::values(agent, 0, size));
}

TEST_F(AgentsTest, WithOverlapWhatBackwardDoesNotReachGoesToo) {
  config_.overlap = true;
  objective_.unreached = 300;
  make(128);
  EXPECT_EQ(compute(0), (std::vector<std::uint32_t>{5, 4, 3, 0, 1, 2}));
  const auto values = sent(last - 1);
  EXPECT_EQ(values[299], 0);
  EXPECT_EQ(values[300], KnownObjective::value(last - 1, 0, 300));
}

TEST_F(AgentsTest, ASharedGradientIsEveryAgentsAndSoIsItsLoss) {
  source_ = make_gradient_source(comm_, objective_, 0);
  make(256);
  source_->begin_step();
  compute(5);
  for (std::uint32_t agent = first; agent < last; ++agent) {
    EXPECT_EQ(sent(agent), KnownObjective::values(0, 0, size));
    EXPECT_EQ(agents_->messages(buckets_[0])[agent - first].header.loss, 0.5f);
  }
}

TEST_F(AgentsTest, ClippingScalesToTheNormAndLeavesSmallerOnesAlone) {
  const auto norm = [](const std::vector<float>& values) {
    double squares = 0;
    for (const float value : values) squares += double(value) * double(value);
    return std::sqrt(squares);
  };
  const auto whole = KnownObjective::values(first, 0, size);
  config_.clip_norm = 2;
  make(256);
  compute(0);
  EXPECT_NEAR(norm(sent(first)), 2, 1e-5);
  EXPECT_FLOAT_EQ(sent(first)[10] / sent(first)[3], whole[10] / whole[3]);
  config_.clip_norm = 2 * norm(whole);
  compute(0);
  EXPECT_EQ(sent(first), whole);
}

TEST_F(AgentsTest, NoiseIsTheAgentsAndTheStepsWhateverTheBuckets) {
  config_.noise = "gaussian:0.5";
  make(size);
  compute(0);
  const auto noisy = sent(first), other = sent(first + 1);
  const auto plain = KnownObjective::values(first, 0, size), others = KnownObjective::values(first + 1, 0, size);
  EXPECT_NE(noisy, plain);
  EXPECT_NE(noisy[5] - plain[5], other[5] - others[5]);
  make(128);
  compute(0);
  EXPECT_EQ(sent(first), noisy);
  config_.overlap = true;
  make(128);
  compute(0);
  EXPECT_EQ(sent(first), noisy);
  config_.noise_batch = 4;  // σ/√B
  make(128);
  compute(0);
  EXPECT_NEAR(2 * (sent(first)[5] - plain[5]), noisy[5] - plain[5], 1e-5);
}

TEST_F(AgentsTest, ADiscardedStepIsForgotten) {
  make(256, "ef:topk:0.1");
  compute(0);
  const auto before = std::vector<float>(agents_->state(first)[0].values.begin(), agents_->state(first)[0].values.end());
  compute(1);
  agents_->discard_step();
  const auto after = agents_->state(first)[0].values;
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin(), after.end()));
  compute(1);
  const auto moved = agents_->state(first)[0].values;
  EXPECT_FALSE(std::equal(before.begin(), before.end(), moved.begin(), moved.end()));
}

TEST_F(AgentsTest, AnEstimateIsOfOtherDrawsAndLeavesNoTrace) {
  config_.noise = "gaussian:0.5";
  source_ = make_gradient_source(comm_, objective_, 0);
  make(256, "ef:topk:0.1");
  source_->begin_step();
  compute(0);
  const auto state = [&] {
    const auto values = agents_->state(first)[0].values;
    return std::vector<float>(values.begin(), values.end());
  };
  const auto before = state();
  const std::vector<std::int64_t> coordinates = {0, 5, 6, 699};
  std::vector<float> one(4), again(4), two(4);
  const auto shared = KnownObjective::values(0, 0, size);
  agents_->estimate(first, 0, coordinates, one);
  agents_->estimate(first, 1, coordinates, two);
  agents_->estimate(first, 0, coordinates, again);
  EXPECT_EQ(one, again);
  EXPECT_NE(one, two);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NE(one[i], shared[static_cast<std::size_t>(coordinates[i])]);
    EXPECT_NEAR(one[i], shared[static_cast<std::size_t>(coordinates[i])], 4);
  }
  EXPECT_EQ(state(), before);
}

}  // namespace
}  // namespace tersegrad
