#include "tersegrad/train/records/run_totals.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tersegrad/train/records/run_counters.hpp"

namespace tersegrad {
namespace {

StepRecord step_of(std::int64_t step) {
  StepRecord record;
  record.step = step;
  record.loss = 1.0 / static_cast<double>(step);
  record.nonfinite_agents = step == 2 ? 3 : 0;
  record.traffic = {{100 * step, 64}, {10 * step, 32}, step};
  record.time = {1, 2, 4, 8};
  return record;
}

TEST(RunTotals, AddUpSteps) {
  RunTotals totals;
  EXPECT_TRUE(std::isnan(totals.loss_first));
  for (const std::int64_t step : {1, 2, 3}) totals.add(step_of(step));
  EXPECT_EQ(totals.steps, 3);
  EXPECT_EQ(totals.nonfinite_steps, 1);  // steps, not agents
  EXPECT_EQ(totals.loss_first, 1.0);
  EXPECT_EQ(totals.loss_last, 1.0 / 3);
  EXPECT_EQ(totals.traffic.uplink.payload, 600);
  EXPECT_EQ(totals.traffic.uplink.header, 192);
  EXPECT_EQ(totals.traffic.downlink.total(), 60 + 96);
  EXPECT_EQ(totals.traffic.within_nodes, 6);
  EXPECT_EQ(totals.time.compute, 3);
  EXPECT_EQ(totals.time.apply, 24);
}

TEST(RunTotals, OfAResumedRunKeepItsFirstLoss) {
  RunCounters past;
  static_cast<RunTotals&>(past).add(step_of(1));
  RunTotals totals = RunCounters::from_words(past.words());
  totals.add(step_of(2));
  EXPECT_EQ(totals.steps, 2);
  EXPECT_EQ(totals.loss_first, 1.0);
  EXPECT_EQ(totals.loss_last, 0.5);
  EXPECT_EQ(totals.traffic.uplink.payload, 300);
}

}  // namespace
}  // namespace tersegrad
