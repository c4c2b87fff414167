// Steps as rows of the log: columns, blocks of 64, sums of the run, what is left out without evaluations.
#include "tersegrad/train/report/recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tersegrad/comm/mpi/mpi_communicator.hpp"

namespace tersegrad {
namespace {

/// A log that remembers what it was told.
struct Told {
  std::vector<std::vector<double>> rows;
};
Told* told = nullptr;

class Remembering final : public Sink {
 public:
  bool needs_folder() const override { return false; }
  void begin(const RunInfo&) override {}
  void write(const std::vector<double>& record) override { told->rows.push_back(record); }
  void finish(const LogFields&) override {}
};

const Registration<Sink> registration{"remembering", "for the recorder's tests", {},
                                      [](const Arguments&) { return std::make_unique<Remembering>(); }};

class RecorderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    told = &told_;
    begin(true);
  }
  void begin(bool evaluates, const std::vector<SeriesInfo>& observables = {}) {
    told_.rows.clear();
    columns_ = Recorder::columns(evaluates);
    columns_.insert(columns_.end(), observables.begin(), observables.end());
    log_.emplace(std::vector<std::string>{"remembering"});
    RunInfo info;
    info.columns = columns_;
    log_->begin(info);
  }
  double at(const std::vector<double>& row, const std::string& name) const {
    const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const auto& c) { return c.name == name; });
    EXPECT_NE(found, columns_.end()) << name;
    return found == columns_.end() ? -12345 : row.at(static_cast<std::size_t>(found - columns_.begin()));
  }
  static StepRecord record(std::int64_t step) {
    StepRecord r;
    r.step = step;
    r.loss = 1.0 / static_cast<double>(step);
    r.learning_rate = 0.25;
    r.update_norm = 7;
    r.traffic = {{300, 192}, {90, 64}, 0};
    r.traffic_total = {{300 * step, 192 * step}, {90 * step, 64 * step}, 0};
    r.nonfinite_agents = 2;
    r.time = {1, 2, 3, 4};
    r.elapsed = {20.0 * static_cast<double>(step), 10.0 * static_cast<double>(step), {5, 6, 7, 8}};
    r.test = {0.5, 0.75};
    return r;
  }

  Told told_;
  MpiCommunicator comm_{MPI_COMM_SELF};
  AgentMap map_{3, 0, 1};
  std::vector<SeriesInfo> columns_;
  std::optional<Log> log_;
};

TEST_F(RecorderTest, ARowHasEveryColumnAtItsPlace) {
  Recorder recorder(comm_, map_, &*log_);
  recorder.add(record(4));
  EXPECT_TRUE(told_.rows.empty());
  recorder.flush();
  ASSERT_EQ(told_.rows.size(), 1u);
  const std::vector<std::pair<std::string, double>> expected = {
      {"step", 4},  {"time_s", 80}, {"loss", 0.25}, {"learning_rate", 0.25}, {"update_norm", 7},
      // Bytes are an agent's: of three.
      {"uplink_bytes", 164}, {"downlink_bytes", 154.0 / 3}, {"uplink_header_bytes", 64}, {"downlink_header_bytes", 64.0 / 3},
      {"compute_s", 1}, {"compress_s", 2}, {"exchange_s", 3}, {"apply_s", 4}, {"nonfinite_agents", 2},
      {"test_loss", 0.5}, {"test_accuracy", 0.75},
      {"uplink_bytes_total", 656}, {"downlink_bytes_total", 616.0 / 3}, {"uplink_header_bytes_total", 256},
      {"downlink_header_bytes_total", 256.0 / 3},
      {"step_s_total", 40}, {"compute_s_total", 5}, {"compress_s_total", 6}, {"exchange_s_total", 7}, {"apply_s_total", 8}};
  ASSERT_EQ(told_.rows[0].size(), expected.size());
  ASSERT_EQ(columns_.size(), expected.size());
  for (std::size_t c = 0; c < expected.size(); ++c) {
    EXPECT_EQ(columns_[c].name, expected[c].first);
    EXPECT_DOUBLE_EQ(told_.rows[0][c], expected[c].second) << expected[c].first;
  }
}

TEST_F(RecorderTest, RecordsLeaveInBlocksOf64InTheirOrder) {
  Recorder recorder(comm_, map_, &*log_);
  for (int step = 1; step <= 63; ++step) recorder.add(record(step));
  EXPECT_TRUE(told_.rows.empty());
  recorder.add(record(64));
  EXPECT_EQ(told_.rows.size(), 64u);
  for (int step = 65; step <= 130; ++step) recorder.add(record(step));
  EXPECT_EQ(told_.rows.size(), 128u);
  recorder.flush();
  recorder.flush();  // nothing is left
  ASSERT_EQ(told_.rows.size(), 130u);
  for (std::size_t i = 0; i < told_.rows.size(); ++i) EXPECT_EQ(told_.rows[i][0], static_cast<double>(i + 1));
}

TEST_F(RecorderTest, TheRowInHandFollowsWhatWasHeldBackAndIsNotWritten) {
  Recorder recorder(comm_, map_, &*log_);
  recorder.add(record(1));
  const auto row = recorder.row(record(2));
  ASSERT_EQ(told_.rows.size(), 1u);
  EXPECT_EQ(told_.rows[0][0], 1);
  ASSERT_EQ(row.size(), columns_.size());
  EXPECT_EQ(row[0], 2);
  recorder.flush();
  EXPECT_EQ(told_.rows.size(), 1u);
}

TEST_F(RecorderTest, WithoutEvaluationsThereAreNoTestFigures) {
  begin(false);
  for (const auto& column : columns_) EXPECT_EQ(column.name.find("test_"), std::string::npos) << column.name;
  EXPECT_EQ(columns_.size() + 2, Recorder::columns(true).size());
  Recorder recorder(comm_, map_, &*log_, false);
  recorder.add(record(4));
  recorder.flush();
  ASSERT_EQ(told_.rows.size(), 1u);
  EXPECT_EQ(at(told_.rows[0], "nonfinite_agents"), 2);
  EXPECT_EQ(at(told_.rows[0], "uplink_bytes_total"), 656);
  EXPECT_EQ(at(told_.rows[0], "apply_s_total"), 8);
}

TEST_F(RecorderTest, WhatTheObjectiveAndTheReportObserveFollows) {
  begin(true, {{"distance2", "", ""}, {"noise_nu", "", ""}});
  Recorder recorder(comm_, map_, &*log_);
  auto observed = record(1);
  observed.observed = {11};
  observed.noise = {12};
  recorder.add(observed);
  recorder.flush();
  ASSERT_EQ(told_.rows.size(), 1u);
  EXPECT_EQ(at(told_.rows[0], "distance2"), 11);
  EXPECT_EQ(at(told_.rows[0], "noise_nu"), 12);
}

TEST_F(RecorderTest, AResumedRunsTotalsIncludeItsPast) {
  const Elapsed past{1000, 500, {100, 200, 300, 400}};
  Recorder recorder(comm_, map_, &*log_, true, past);
  EXPECT_EQ(recorder.latest().wall_s, 1000);
  recorder.add(record(4));
  EXPECT_EQ(recorder.latest().wall_s, 1000);  // what has not left does not count yet
  recorder.flush();
  ASSERT_EQ(told_.rows.size(), 1u);
  EXPECT_EQ(at(told_.rows[0], "time_s"), 1080);
  EXPECT_EQ(at(told_.rows[0], "step_s_total"), 540);
  EXPECT_EQ(at(told_.rows[0], "exchange_s_total"), 307);
  EXPECT_EQ(at(told_.rows[0], "exchange_s"), 3);  // a step's own part has no past
  EXPECT_EQ(recorder.latest().wall_s, 1080);
  EXPECT_EQ(recorder.latest().steps_s, 540);
  EXPECT_EQ(recorder.latest().parts.apply, 408);
}

TEST_F(RecorderTest, ARankWithoutALogWritesNothingAndHasNoRow) {
  Recorder recorder(comm_, map_, nullptr);
  for (int step = 1; step <= 70; ++step) recorder.add(record(step));
  EXPECT_TRUE(recorder.row(record(71)).empty());
  EXPECT_TRUE(told_.rows.empty());
  EXPECT_EQ(recorder.latest().wall_s, 20 * 71);
}

}  // namespace
}  // namespace tersegrad
