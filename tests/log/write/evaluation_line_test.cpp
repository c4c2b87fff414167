#include "tersegrad/log/write/evaluation_line.hpp"

#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

/// Lines shown by an evaluation of `chunks` parts that take `chunk_s` each, told of every one.
std::vector<std::string> lines_of(std::int64_t chunks, double chunk_s, ProgressStyle style) {
  EvaluationLine progress(style, 1000);
  std::vector<std::string> lines;
  for (std::int64_t done = 0; done <= chunks; ++done) {
    if (auto line = progress.update(done, chunks, 1000 + static_cast<double>(done) * chunk_s)) lines.push_back(*line);
  }
  return lines;
}

TEST(EvaluationLine, SaysHowFarItIsAndHowLongItTakes) {
  const auto lines = lines_of(100, 2, ProgressStyle::live);
  ASSERT_EQ(lines.size(), 100u);
  EXPECT_EQ(lines[11], "evaluating … 12 %, 2 min 56 s left");
  EXPECT_EQ(lines[98], "evaluating … 99 %, 2.00 s left");
}

TEST(EvaluationLine, AShortOneSaysNothing) {
  for (const auto style : {ProgressStyle::live, ProgressStyle::sparse}) {
    EXPECT_EQ(lines_of(50, 0.01, style).size(), 0u);
    EXPECT_EQ(lines_of(1, 5, style).size(), 0u);  // told of nothing but its end
  }
}

TEST(EvaluationLine, LogFilesGetFewLines) {
  EXPECT_LE(lines_of(100000, 1e-4, ProgressStyle::sparse).size(), 3u);
  EXPECT_LE(lines_of(1000, 1, ProgressStyle::sparse).size(), 40u);
  const auto hours = lines_of(100000, 1, ProgressStyle::sparse);
  EXPECT_GT(hours.size(), 40u);
  EXPECT_LT(hours.size(), 200u);
}

TEST(ConsoleSink, ShowsAnEvaluationInPlaceOfTheRunsLine) {
  ::testing::internal::CaptureStdout();
  {
    Log log({"console:live"});
    log.begin(testing::synthetic_info("", {}));
    log.write(testing::synthetic_record({}, 1));
    log.evaluating(0, 10);
    log.write(testing::synthetic_record({}, 2));
    log.finish({});
  }
  const std::string printed = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(printed.find("evaluating"), std::string::npos) << printed;  // shorter than a second
}

}  // namespace
}  // namespace tersegrad
