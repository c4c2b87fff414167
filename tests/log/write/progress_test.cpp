#include "tersegrad/log/write/progress.hpp"

#include <algorithm>
#include <cstdlib>

#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;

/// Lines shown by a run whose steps take `step_s` each.
std::vector<std::string> lines_of(std::int64_t steps, double step_s, ProgressStyle style) {
  Synthetic run;
  run.steps = steps;
  Progress progress(synthetic_info("", run), style);
  std::vector<std::string> lines;
  double now = 0;
  for (std::int64_t step = 1; step <= steps; ++step) {
    now = 1000 + static_cast<double>(step) * step_s;
    if (auto line = progress.update(synthetic_record(run, step), now)) lines.push_back(*line);
  }
  if (auto line = progress.last_line(now)) lines.push_back(*line);
  return lines;
}

TEST(Progress, SaysWhatTheDesignAsksFor) {
  const auto lines = lines_of(100, 0.5, ProgressStyle::live);
  ASSERT_EQ(lines.size(), 100u);  // each step takes longer than the tenth of a second between updates
  EXPECT_EQ(lines[0], "step 1/100  loss 1.902  189 B up/step");
  EXPECT_EQ(lines[59], "step 60/100  loss 0.09957  accuracy 0.9  2 steps/s  189 B up/step  20.0 s left");
  EXPECT_EQ(lines[99], "step 100/100  loss 0.01348  accuracy 0.9  2 steps/s  189 B up/step");
}

TEST(Progress, LogFilesGetFewLines) {
  EXPECT_LE(lines_of(1000000, 1e-5, ProgressStyle::sparse).size(), 22u);
  EXPECT_LE(lines_of(500, 0.1, ProgressStyle::sparse).size(), 22u);
  EXPECT_EQ(lines_of(3, 0.1, ProgressStyle::sparse).size(), 3u);
  // A long run: 20 milestones, and lines whose distance grows with the time that has passed.
  const auto day = lines_of(86400, 1, ProgressStyle::sparse);
  EXPECT_GT(day.size(), 40u);
  EXPECT_LT(day.size(), 200u);
  // Slow steps: never silent for long.
  EXPECT_GE(lines_of(10, 40, ProgressStyle::sparse).size(), 10u);
}

TEST(Progress, LiveLinesComeAtMostTenTimesASecond) {
  const auto lines = lines_of(10000, 0.001, ProgressStyle::live);  // ten seconds
  EXPECT_LE(lines.size(), 102u);
  EXPECT_GE(lines.size(), 90u);
}

TEST(Progress, TheLastStepIsShownOnce) {
  for (const auto style : {ProgressStyle::live, ProgressStyle::sparse}) {
    const auto lines = lines_of(777, 0.013, style);
    EXPECT_TRUE(contains(lines.back(), "777/777"));
    EXPECT_FALSE(contains(lines[lines.size() - 2], "777/777"));
  }
}

TEST(Progress, RateFollowsTheRunWithinTwoMinutes) {
  Synthetic run;
  run.steps = 100000;
  Progress progress(synthetic_info("", run), ProgressStyle::live);
  double now = 0;
  std::string line;
  for (std::int64_t step = 1; step <= 1400; ++step) {
    now += step <= 1000 ? 0.1 : 1.0;  // after a while another job takes most of the machine
    if (auto text = progress.update(synthetic_record(run, step), now)) line = *text;
  }
  EXPECT_TRUE(contains(line, "  1 steps/s")) << line;
}

TEST(Progress, NonFiniteLossAndMissingColumnsDoNotMatter) {
  RunInfo info;
  info.columns = {{"step", "", ""}, {"loss", "", ""}};
  Progress progress(info, ProgressStyle::live);
  EXPECT_EQ(progress.update({1, NAN}, 0).value(), "step 1  loss nan");
  EXPECT_EQ(progress.update({2, INFINITY}, 1).value(), "step 2  loss inf  1 steps/s");
}

TEST(ConsoleSink, WritesInPlaceOrLineByLine) {
  const auto printed = [](const std::string& spec) {
    ::testing::internal::CaptureStdout();
    write_synthetic(std::filesystem::temp_directory_path(), {}, true, {spec});
    return ::testing::internal::GetCapturedStdout();
  };
  const auto count = [](const std::string& text, char c) { return std::count(text.begin(), text.end(), c); };
  const std::string live = printed("console:live");
  EXPECT_EQ(count(live, '\n'), 1);
  EXPECT_GE(count(live, '\r'), 2);
  EXPECT_EQ(live.back(), '\n');
  const std::string sparse = printed("console:sparse");
  EXPECT_EQ(count(sparse, '\r'), 0);
  EXPECT_LE(count(sparse, '\n'), 22);
  ::setenv("TERSEGRAD_PROGRESS", "live", 1);
  EXPECT_GE(count(printed("console"), '\r'), 2);
  ::unsetenv("TERSEGRAD_PROGRESS");
  EXPECT_EQ(count(printed("console"), '\r'), 0);  // captured: no terminal
}

TEST(ConsoleSink, ErrorMessagesStartOnALineOfTheirOwn) {
  ::testing::internal::CaptureStdout();
  {
    Log log({"console:live"});
    log.begin(synthetic_info("", {}));
    log.write(synthetic_record({}, 1));
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout().back(), '\n');
}

}  // namespace
}  // namespace tersegrad
