#include "apps/common/command.hpp"
#include "apps/common/launch_script.hpp"
#include "apps/tersegrad/compare/compare_run.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tersegrad/core/system/file.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;

class CompareTest : public FolderTest {
 protected:
  /// What `tersegrad compare <arguments>` prints.
  std::string compare(std::vector<std::string> arguments) {
    std::string program = "tersegrad compare";
    std::vector<char*> argv{program.data()};
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::testing::internal::CaptureStdout();
    int status = 1;
    try {
      status = Commands::instance().at("compare").run(static_cast<int>(argv.size()) - 1, argv.data());
    } catch (...) {
      ::testing::internal::GetCapturedStdout();
      throw;
    }
    EXPECT_EQ(status, 0);
    return ::testing::internal::GetCapturedStdout();
  }
  std::string run(const std::string& name) const { return (folder_ / name).string(); }
};

Synthetic dense_run() {
  Synthetic run;
  run.compressor = "none";
  run.uplink = run.downlink = 4000;
  run.step_s = 0.04;
  run.decay = 0.1;
  return run;
}

TEST_F(CompareTest, FiguresFollowFromTheSeries) {
  write_synthetic(folder_ / "sign", {});
  write_synthetic(folder_ / "none", dense_run());
  const auto json = nlohmann::json::parse(compare({"--json", run("sign"), run("none")}));
  ASSERT_EQ(json["runs"].size(), 2u);
  const auto& sign = json["runs"][0];
  EXPECT_EQ(sign["smoothing_steps"], 2);  // 2 % of 100
  EXPECT_EQ(sign["name"], "sign");
  EXPECT_EQ(sign["compressor"], "sign");
  EXPECT_EQ(sign["finished"], true);
  EXPECT_EQ(sign["steps"], 100);
  EXPECT_DOUBLE_EQ(sign["loss_first"], 2 * std::exp(-0.05));
  EXPECT_DOUBLE_EQ(sign["loss_last"], 2 * std::exp(-5.0));
  EXPECT_DOUBLE_EQ(sign["test_accuracy"], 0.9);
  EXPECT_DOUBLE_EQ(sign["uplink_bytes_per_step"], 189);
  EXPECT_DOUBLE_EQ(sign["dense_bytes_per_step"], 4000);
  EXPECT_DOUBLE_EQ(sign["savings_uplink"], 4000.0 / 189);
  EXPECT_DOUBLE_EQ(sign["savings_both"], 8000.0 / (189 + 439));
  EXPECT_DOUBLE_EQ(sign["total_bytes"], 100 * (189 + 439));
  EXPECT_NEAR(sign["compute_s_per_step"], 0.005, 1e-15);
  EXPECT_NEAR(sign["step_s"], 0.01, 1e-15);
  EXPECT_DOUBLE_EQ(json["runs"][1]["savings_both"], 1.0);

  // The worst best loss is that of "sign" at its end; "none" reaches it at the first step n where
  // (e^(−0.1(n−1)) + e^(−0.1n))/2 falls to (e^(−0.05·99) + e^(−0.05·100))/2.
  const double target = std::exp(-0.05 * 99) + std::exp(-0.05 * 100);
  EXPECT_NEAR(json["loss_to_reach"], target, 1e-12);
  EXPECT_EQ(sign["steps_to_loss"], 100);
  int n = 2;
  while (std::exp(-0.1 * (n - 1)) + std::exp(-0.1 * n) > target) ++n;
  EXPECT_EQ(json["runs"][1]["steps_to_loss"], n);
  EXPECT_DOUBLE_EQ(json["runs"][1]["bytes_to_loss"], n * 8000.0);
  EXPECT_NEAR(json["runs"][1]["time_s_to_loss"], n * 0.04, 1e-12);
}

TEST_F(CompareTest, LossGivenByHandMayNotBeReached) {
  write_synthetic(folder_ / "sign", {});
  write_synthetic(folder_ / "none", dense_run());
  const auto json = nlohmann::json::parse(compare({"--json", "--loss", "0.001", run("sign"), run("none")}));
  EXPECT_DOUBLE_EQ(json["loss_to_reach"], 0.001);
  EXPECT_TRUE(json["runs"][0]["bytes_to_loss"].is_null());
  EXPECT_FALSE(json["runs"][1]["bytes_to_loss"].is_null());
  EXPECT_TRUE(contains(compare({"--loss", "0.001", run("sign")}), "—"));
}

TEST_F(CompareTest, TotalsDoNotDependOnHowOftenARunIsLogged) {
  // The first step costs ten times as much as the others: one in ten records would be taken for the run's average.
  Synthetic all, sparse;
  all.warm_up = sparse.warm_up = 10;
  sparse.every = 10;
  write_synthetic(folder_ / "all", all);
  write_synthetic(folder_ / "tenth", sparse);
  const auto json = nlohmann::json::parse(compare({"--json", run("all"), run("tenth")}));
  for (const char* key : {"total_bytes", "uplink_bytes_per_step", "downlink_bytes_per_step", "savings_uplink", "time_total_s",
                          "step_s", "time_compute_s", "compute_s_per_step", "apply_s_per_step", "steps"}) {
    EXPECT_EQ(json["runs"][0][key], json["runs"][1][key]) << key;
  }
  EXPECT_DOUBLE_EQ(json["runs"][1]["total_bytes"], 109 * (189 + 439));
}

TEST_F(CompareTest, FiguresOfARunDoNotDependOnItsNeighbours) {
  Synthetic brief;
  brief.steps = 60;
  brief.every = 30;
  write_synthetic(folder_ / "sign", {});
  write_synthetic(folder_ / "none", dense_run());
  write_synthetic(folder_ / "brief", brief);
  auto alone = nlohmann::json::parse(compare({"--json", run("sign")}))["runs"][0];
  for (const char* other : {"none", "brief"}) {
    auto beside = nlohmann::json::parse(compare({"--json", run("sign"), run(other)}))["runs"][0];
    for (const char* of_both : {"steps_to_loss", "bytes_to_loss", "time_s_to_loss"}) {
      alone.erase(of_both);
      beside.erase(of_both);
    }
    EXPECT_EQ(alone, beside) << other;
  }
  // Each with its window, said beside the loss where the windows differ.
  const std::string table = compare({run("sign"), run("brief")});
  EXPECT_TRUE(contains(table, "(2)") && contains(table, "(1)") && contains(table, "in brackets")) << table;
}

TEST_F(CompareTest, RunsOfEarlierVersionsAreEstimatedAndSaySo) {
  Synthetic old, resumed;
  old.totals = false;
  old.every = 10;
  write_synthetic(folder_ / "old", old);
  write_synthetic(folder_ / "new", {});
  const auto json = nlohmann::json::parse(compare({"--json", run("old"), run("new")}));
  EXPECT_EQ(json["runs"][0]["estimated"], true);
  EXPECT_EQ(json["runs"][1]["estimated"], false);
  for (const char* key : {"total_bytes", "uplink_bytes_per_step", "step_s", "compute_s_per_step"}) {
    EXPECT_NEAR(json["runs"][0][key].get<double>(), json["runs"][1][key].get<double>(), 1e-9) << key;
  }
  const std::string table = compare({run("old"), run("new")});
  EXPECT_TRUE(contains(table, "old ~") && contains(table, "~ bytes and times estimated")) << table;
  EXPECT_FALSE(contains(table, "new ~")) << table;

  // One that such a version began and this one went on with: no total in the records of its past.
  Log log({"hdf5"});
  std::filesystem::create_directories(folder_ / "resumed");
  log.begin(synthetic_info(folder_ / "resumed", resumed));
  for (std::int64_t step = 1; step <= resumed.steps; ++step) {
    auto record = synthetic_record(resumed, step);
    if (step <= 50) std::fill(record.begin() + 10, record.end(), NAN);
    log.write(record);
  }
  log.finish(synthetic_summary(resumed));
  const auto both = nlohmann::json::parse(compare({"--json", run("resumed"), run("new")}))["runs"];
  EXPECT_EQ(both[0]["estimated"], true);
  for (const char* key : {"total_bytes", "time_total_s", "time_compute_s", "bytes_to_loss", "time_s_to_loss"}) {
    EXPECT_NEAR(both[0][key].get<double>(), both[1][key].get<double>(), 1e-9) << key;
  }
}

TEST_F(CompareTest, ShowsTheOptionsInWhichRunsDiffer) {
  Synthetic faster, same;
  faster.options = {{"lr", 0.01, ""}, {"momentum", 0.9, ""}, {"log_every", std::int64_t{7}, ""}};
  same.options = {{"momentum", 0.0, ""}, {"log_every", std::int64_t{1}, ""}};
  write_synthetic(folder_ / "slow", same);
  write_synthetic(folder_ / "fast", faster);
  const std::string table = compare({run("slow"), run("fast")});
  for (const char* part : {"compressor", "lr", "0.001", "0.01", "batch", "32", "momentum", "0.9"}) {
    EXPECT_TRUE(contains(table, part)) << part << "\n" << table;
  }
  EXPECT_FALSE(contains(table, "log_every")) << table;  // changes no figure
  EXPECT_FALSE(contains(compare({run("slow"), run("slow")}), "momentum"));
  const auto json = nlohmann::json::parse(compare({"--json", run("fast")}));
  EXPECT_EQ(json["runs"][0]["options"]["lr"], 0.01);
  EXPECT_EQ(json["runs"][0]["options"]["batch"], 32);
}

TEST_F(CompareTest, FewerAndMoreAreSaidAsSuch) {
  Synthetic larger;
  larger.uplink = 4064;
  write_synthetic(folder_ / "larger", larger);
  const std::string table = compare({run("larger")});
  EXPECT_TRUE(contains(table, "1.02× more")) << table;
  EXPECT_FALSE(contains(table, "0.984")) << table;
}

TEST_F(CompareTest, TableNamesRunsAndMarksTheUnfinishedAndDiverged) {
  Synthetic diverged;
  diverged.diverges = true;
  write_synthetic(folder_ / "good", {});
  write_synthetic(folder_ / "bad", diverged);
  write_synthetic(folder_ / "stopped", {}, /*finish=*/false);
  const std::string table = compare({run("good"), run("bad"), run("stopped")});
  EXPECT_TRUE(contains(table, "stopped *") && contains(table, "* not finished")) << table;
  EXPECT_FALSE(contains(table, "good *"));
  EXPECT_TRUE(contains(table, "inf (diverged)")) << table;
  EXPECT_TRUE(contains(table, "21.2×")) << table;  // 4000/189
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
    EXPECT_LE(columns, 110) << line;
  }
}

TEST_F(CompareTest, RunsOfOneNameAreToldApartByTheirPaths) {
  write_synthetic(folder_ / "a" / "run", {});
  write_synthetic(folder_ / "b" / "run", {});
  const auto json = nlohmann::json::parse(compare({"--json", run("a/run"), run("b/run/run.h5")}));
  EXPECT_EQ(json["runs"][0]["name"], run("a/run"));
  EXPECT_EQ(json["runs"][1]["name"], run("b/run/run.h5"));
}

TEST_F(CompareTest, PathsMayHoldCommas) {
  write_synthetic(folder_ / "lr=0.1,batch=32", {});
  EXPECT_TRUE(contains(compare({run("lr=0.1,batch=32")}), "lr=0.1,batch=32"));
}

TEST_F(CompareTest, MissingAndDamagedRunsAreRefusedByNameInOneLine) {
  write_synthetic(folder_ / "good", {});
  write_synthetic(folder_ / "cut", {});
  const std::string bytes = read_file(folder_ / "cut" / "run.h5");
  write_file(folder_ / "cut" / "run.h5", bytes.substr(0, bytes.size() / 2));
  std::filesystem::create_directories(folder_ / "empty");
  const std::string error = error_of([&] { compare({run("good"), run("cut"), run("empty"), run("gone")}); });
  EXPECT_TRUE(contains(error, run("cut"))) << error;
  EXPECT_TRUE(contains(error, run("empty"))) << error;
  EXPECT_TRUE(contains(error, run("gone"))) << error;
  EXPECT_FALSE(contains(error, run("good"))) << error;
}

TEST_F(CompareTest, BadOptionsAreRefused) {
  write_synthetic(folder_ / "good", {});
  EXPECT_TRUE(contains(error_of([&] { compare({}); }), "at least one"));
  EXPECT_TRUE(contains(error_of([&] { compare({run("good"), "--loss", "low"}); }), "low"));
  EXPECT_TRUE(contains(error_of([&] { compare({run("good"), "--loss", "nan"}); }), "nan"));
  EXPECT_TRUE(contains(error_of([&] { compare({run("good"), "--plot", "x.gif"}); }), "x.gif"));
  EXPECT_TRUE(contains(error_of([&] { compare({run("good"), "--colour"}); }), "--plot"));  // lists what is known
}

TEST_F(CompareTest, RunWithoutRecordsIsRefused) {
  Synthetic none;
  none.steps = 0;
  write_synthetic(folder_ / "none", none, false);
  EXPECT_TRUE(contains(error_of([&] { compare({run("none")}); }), "no records yet"));
}

class PlotTest : public CompareTest {
 protected:
  void SetUp() override {
    CompareTest::SetUp();
    if (std::system("/usr/bin/python3 -c 'import h5py, matplotlib' 2>/dev/null") != 0) {
      GTEST_SKIP() << "needs python3-matplotlib and python3-h5py";
    }
  }
};

TEST_F(PlotTest, DrawsPngAndSvgOfFinishedAndUnfinishedRuns) {
  Synthetic diverged;
  diverged.diverges = true;
  write_synthetic(folder_ / "sign", {});
  write_synthetic(folder_ / "none", dense_run());
  write_synthetic(folder_ / "bad", diverged);
  write_synthetic(folder_ / "stopped", {}, /*finish=*/false);
  for (const std::string suffix : {".png", ".svg"}) {
    const std::string out = run("plots/p" + suffix);
    EXPECT_TRUE(contains(compare({run("sign"), run("none"), run("bad"), run("stopped"), "--plot", out}), out));
    const std::string bytes = read_file(out);
    EXPECT_GT(bytes.size(), 10000u);
    EXPECT_TRUE(bytes.starts_with(suffix == ".png" ? "\x89PNG" : "<?xml"));
    if (suffix == ".svg") {
      EXPECT_TRUE(contains(bytes, "stopped (sign), not finished"));
      EXPECT_TRUE(contains(bytes, "none"));
      EXPECT_TRUE(contains(bytes, "bytes per agent"));
    }
  }
}

TEST_F(PlotTest, TroubleIsOneLine) {
  write_synthetic(folder_ / "sign", {});
  write_file(folder_ / "file", "x");
  EXPECT_TRUE(contains(error_of([&] { compare({run("sign"), "--plot", run("file/p.png")}); }), "file/p.png"));
  ::setenv("TERSEGRAD_LAUNCH_DIR", folder_.c_str(), 1);
  EXPECT_TRUE(contains(error_of([&] { compare({run("sign"), "--plot", run("p.png")}); }), "TERSEGRAD_LAUNCH_DIR"));
  write_file(folder_ / "plot", "import sys\nprint('one\\ntwo', file=sys.stderr)\nsys.exit(3)\n");
  EXPECT_EQ(error_of([&] { compare({run("sign"), "--plot", run("p.png")}); }), "two");
  ::unsetenv("TERSEGRAD_LAUNCH_DIR");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder_.c_str(), 1);  // no python3 there: the system's
  EXPECT_TRUE(contains(compare({run("sign"), "--plot", run("p.png")}), "p.png"));
  ::setenv("PATH", path.c_str(), 1);
}

std::vector<double> numbers(std::size_t n) {
  std::vector<double> all(n);
  std::iota(all.begin(), all.end(), 1.0);
  return all;
}

TEST(TrailingMean, IsTheMeanOfTheStepsInTheWindow) {
  const std::vector<double> step{1, 10, 20, 25, 30, 40, 50, 60, 61, 90}, values{3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  for (std::int64_t window = 1; window <= 95; ++window) {
    const auto means = trailing_mean(step, values, window);
    for (std::size_t i = 0; i < values.size(); ++i) {
      double sum = 0, count = 0;
      for (std::size_t j = 0; j <= i; ++j) {
        if (step[j] > step[i] - static_cast<double>(window)) sum += values[j], ++count;
      }
      if (step[i] < static_cast<double>(window)) {
        EXPECT_TRUE(std::isnan(means[i])) << window << " " << i;
      } else {
        EXPECT_NEAR(means[i], sum / count, 1e-14) << window << " " << i;
      }
    }
  }
}

TEST(TrailingMean, IsTheMeanOfTheWindow) {
  const std::vector<double> values{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
  for (std::size_t window = 1; window <= values.size() + 2; ++window) {
    const auto means = trailing_mean(numbers(values.size()), values, static_cast<std::int64_t>(window));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i + 1 < window) {
        EXPECT_TRUE(std::isnan(means[i])) << window << " " << i;
      } else {
        double sum = 0;
        for (std::size_t j = i + 1 - window; j <= i; ++j) sum += values[j];
        EXPECT_NEAR(means[i], sum / static_cast<double>(window), 1e-14) << window << " " << i;
      }
    }
  }
}

TEST(TrailingMean, NonFiniteAndHugeValuesStayInTheirWindows) {
  std::vector<double> values(50, 1.0);
  values[10] = NAN;
  values[20] = INFINITY;
  values[30] = 1e300;
  const auto means = trailing_mean(numbers(values.size()), values, 4);
  for (std::size_t i = 3; i < values.size(); ++i) {
    const bool hit = (i >= 10 && i < 14) || (i >= 20 && i < 24);
    const bool huge = i >= 30 && i < 34;
    if (hit) {
      EXPECT_TRUE(std::isnan(means[i])) << i;
    } else if (!huge) {
      EXPECT_EQ(means[i], 1.0) << i;
    }
  }
  EXPECT_EQ(smallest(means), 1.0);
  EXPECT_TRUE(std::isnan(smallest({NAN, INFINITY})));
  EXPECT_EQ(first_reaching(means, 0.5), means.size());
}

}  // namespace
}  // namespace tersegrad
