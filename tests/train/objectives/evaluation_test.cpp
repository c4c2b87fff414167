// An evaluation that all ranks make together: which rows, the same bits on any number of them, and its end by a signal.
#include "tersegrad/train/objectives/evaluation.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "tersegrad/comm/monitor/stop_signal.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/system/stopwatch.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

void sleep_s(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// Chunks of any value, which take as long as is wanted.
class Chunks : public Objective, public TestSet {
 public:
  ParameterLayout layout() const override { return {1, 1}; }
  std::span<float> parameters() override { return one_; }
  std::span<float> gradient() override { return one_; }
  TestSet* test_set() override { return this; }
  EvaluatedRows test_rows() const override { return {500 * chunks, 500 * chunks}; }
  std::int64_t test_chunks() const override { return chunks; }
  EvaluationSum evaluate_chunk(std::int64_t chunk) override {
    if (during) during(chunk);
    const std::uint64_t bits = Sequence({7, Purpose::noise, 0, static_cast<std::uint64_t>(chunk)}).next64();
    return {static_cast<double>(bits >> 11) * 0x1p-40, static_cast<std::int64_t>(bits % 500), 500};
  }

  std::int64_t chunks = 101;
  std::function<void(std::int64_t)> during;

 private:
  std::vector<float> one_{0};
};

AgentMap map_of(const Communicator& comm) { return AgentMap(static_cast<std::uint32_t>(comm.size()), 0, comm.size()); }

TEST(Evaluate, TheSameBitsOnAnyNumberOfRanks) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  std::optional<Evaluation> reference;
  for (const int ranks : {1, 2, 3, 5}) {
    if (!enough_ranks(ranks)) continue;
    on_ranks(ranks, [&](const Communicator& comm) {
      Chunks objective;
      objective.during = [](std::int64_t chunk) { sleep_s(chunk % 7 == 0 ? 0.003 : 0); };
      std::int64_t last = -1;
      const auto test = evaluate(comm, map_of(comm), objective, [&](std::int64_t done, std::int64_t chunks) {
        EXPECT_EQ(chunks, 101);
        EXPECT_GE(done, last);
        last = done;
      });
      ASSERT_TRUE(test);
      EXPECT_EQ(last, 101);
      if (!reference && comm.rank() == 0) reference = test;
      if (!reference) return;
      EXPECT_EQ(test->loss, reference->loss) << ranks;
      EXPECT_EQ(test->accuracy, reference->accuracy) << ranks;
    });
  }
}

/// All ranks are in chunks of half a minute; one of them hears of a signal.
void ends_by_a_signal(const Communicator& comm, int told, const std::function<void()>& work) {
  const StopSignal signals;
  Chunks objective;
  std::int64_t begun = 0;
  objective.during = [&](std::int64_t) {
    if (begun++ == 0 && comm.rank() == told) std::raise(SIGTERM);
    work();
  };
  const Stopwatch watch;
  EXPECT_FALSE(evaluate(comm, map_of(comm), objective)) << "told rank " << told;
  EXPECT_LT(watch.seconds(), 20);  // a second, on a machine that has one to spare; the evaluation takes minutes
  testing::Test::RecordProperty("seconds", std::to_string(watch.seconds()));
}

TEST(Evaluate, ASignalOnOneRankEndsItWithinAChunk) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  for (const int told : {0, world.size() - 1}) {
    ends_by_a_signal(world, told, [] {
      for (int piece = 0; piece < 6000; ++piece) {
        sleep_s(0.005);
        tell_progress();
      }
    });
  }
}

TEST(Evaluate, ASignalOnOneRankEndsItBetweenChunksThatTellOfNoProgress) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  for (const int told : {0, world.size() - 1}) ends_by_a_signal(world, told, [] { sleep_s(0.4); });
}

TEST(Evaluate, WhoListenedBeforeIsToldMeanwhileAndAfterwards) {
  const MpiCommunicator world(MPI_COMM_WORLD);
  static int heard;
  heard = 0;
  progress_listener = [] { ++heard; };
  Chunks objective;
  objective.during = [](std::int64_t) { tell_progress(); };
  EXPECT_TRUE(evaluate(world, map_of(world), objective));
  EXPECT_GE(heard, 2);  // before a chunk, and in it
  heard = 0;
  tell_progress();
  EXPECT_EQ(heard, 1);
  progress_listener = nullptr;
}

TEST(EvaluatedRows, AreEvenlySpacedAndAllWhereThereAreNoMore) {
  for (const std::int64_t all : {1, 2, 114, 10000, 3906}) {
    for (const std::int64_t samples : {eval_all_rows, eval_rows_by_labels, all, all + 1, std::int64_t{1} << 40}) {
      const auto rows = evaluated_rows(samples, all, 1);
      EXPECT_EQ(rows.count, all);
      EXPECT_FALSE(rows.is_part());
      for (std::int64_t i = 0; i < all; ++i) ASSERT_EQ(rows.row(i), i);
    }
    for (std::int64_t samples = 1; samples < all; samples += 1 + all / 9) {
      const auto rows = evaluated_rows(samples, all, 1024);
      ASSERT_EQ(rows.count, samples);
      std::set<std::int64_t> distinct;
      for (std::int64_t i = 0; i < samples; ++i) {
        EXPECT_EQ(rows.row(i), i * all / samples);
        distinct.insert(rows.row(i));
      }
      EXPECT_EQ(static_cast<std::int64_t>(distinct.size()), samples);
    }
  }
  // The default is a number of labels; 10⁹ rows leave no 64 bits.
  EXPECT_EQ(evaluated_rows(eval_rows_by_labels, 100'000, 1024).count, 128);
  EXPECT_EQ(evaluated_rows(eval_rows_by_labels, 871, 128).count, 871);
  EXPECT_EQ(evaluated_rows(eval_rows_by_labels, 5, 1 << 20).count, 1);
  EXPECT_EQ(evaluated_rows(eval_rows_by_labels, 0, 1).count, 0);
  const EvaluatedRows many{std::int64_t{1} << 40, std::int64_t{1} << 31};
  EXPECT_EQ(many.row((std::int64_t{1} << 31) - 1), (std::int64_t{1} << 40) - 512);
}

}  // namespace
}  // namespace tersegrad
