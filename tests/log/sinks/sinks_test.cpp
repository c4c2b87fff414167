#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/read/run_file.hpp"
#include "tersegrad/log/write/text_file.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;
class SinksTest : public FolderTest {
 protected:
  std::vector<std::string> lines(const std::string& name) const {
    std::istringstream text(read_file(folder_ / name));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }
};

TEST_F(SinksTest, RunFileHoldsConfigurationSeriesAndSummaryWithUnits) {
  const Synthetic run;
  write_synthetic(folder_, run);
  const RunFile file = RunFile::open(folder_);
  EXPECT_TRUE(file.finished());
  ASSERT_EQ(file.records(), run.steps);
  const RunInfo info = synthetic_info(folder_, run);
  ASSERT_EQ(file.columns().size(), info.columns.size());
  for (std::size_t c = 0; c < info.columns.size(); ++c) {
    EXPECT_EQ(file.columns()[c].name, info.columns[c].name);
    EXPECT_EQ(file.columns()[c].unit, info.columns[c].unit);
    EXPECT_EQ(file.columns()[c].description, info.columns[c].description);
    const auto series = file.series(info.columns[c].name);
    for (std::int64_t step = 1; step <= run.steps; ++step) {
      const double wanted = synthetic_record(run, step)[c], got = series[static_cast<std::size_t>(step - 1)];
      EXPECT_TRUE(got == wanted || (std::isnan(got) && std::isnan(wanted)));
    }
  }
  ASSERT_EQ(file.configuration().size(), info.configuration.size());
  for (std::size_t i = 0; i < info.configuration.size(); ++i) {
    EXPECT_EQ(file.configuration()[i].key, info.configuration[i].key);
    EXPECT_EQ(file.configuration()[i].value, info.configuration[i].value);
    EXPECT_EQ(file.configuration()[i].unit, info.configuration[i].unit);
  }
  const LogField* total = find_field(file.summary(), "time_total_s");
  ASSERT_NE(total, nullptr);
  EXPECT_EQ(total->unit, "s");
}

TEST_F(SinksTest, CsvHasOneRowARecordThatReadsBackExactly) {
  const Synthetic run;
  write_synthetic(folder_, run);
  const auto rows = lines("metrics.csv");
  ASSERT_EQ(rows.size(), 101u);
  EXPECT_EQ(rows[0],
            "step,time_s,loss,uplink_bytes,downlink_bytes,compute_s,compress_s,exchange_s,apply_s,test_accuracy,"
            "uplink_bytes_total,downlink_bytes_total,step_s_total,compute_s_total,compress_s_total,exchange_s_total,"
            "apply_s_total");
  for (std::int64_t step = 1; step <= run.steps; ++step) {
    std::istringstream row(rows[static_cast<std::size_t>(step)]);
    for (const double wanted : synthetic_record(run, step)) {
      std::string cell;
      ASSERT_TRUE(std::getline(row, cell, ','));
      const double got = std::stod(cell);
      EXPECT_TRUE(got == wanted || (std::isnan(got) && std::isnan(wanted))) << cell;
    }
  }
}

TEST_F(SinksTest, JsonLinesAreJsonWithNullForWhatIsNotFinite) {
  Synthetic run;
  run.diverges = true;
  write_synthetic(folder_, run);
  const auto rows = lines("metrics.jsonl");
  ASSERT_EQ(rows.size(), 100u);
  for (std::int64_t step = 1; step <= run.steps; ++step) {
    const auto json = nlohmann::json::parse(rows[static_cast<std::size_t>(step - 1)]);
    EXPECT_EQ(json.size(), synthetic_info("", run).columns.size());
    EXPECT_EQ(json["step"], step);
    const double loss = synthetic_loss(run, step);
    if (std::isfinite(loss)) {
      EXPECT_EQ(json["loss"].get<double>(), loss);
    } else {
      EXPECT_TRUE(json["loss"].is_null());
    }
  }
}

TEST_F(SinksTest, SummaryHasThePromisedKeysFirstAndNullForWhatIsNotFinite) {
  Synthetic run;
  run.diverges = true;
  write_synthetic(folder_, run);
  const auto json = nlohmann::ordered_json::parse(read_file(folder_ / "summary.json"));
  // design.md, "The command line": keys that scripts rely on.
  const std::vector<std::string> promised{"model",
                                          "dataset",
                                          "parameters",
                                          "agents",
                                          "processes",
                                          "compressor",
                                          "noise",
                                          "exchange",
                                          "steps",
                                          "seed",
                                          "diverged",
                                          "loss_first",
                                          "loss_last",
                                          "test_accuracy",
                                          "uplink_bytes_per_step",
                                          "downlink_bytes_per_step",
                                          "dense_bytes_per_step",
                                          "savings_uplink",
                                          "savings_downlink",
                                          "time_total_s",
                                          "time_compute_s",
                                          "time_compress_s",
                                          "time_exchange_s",
                                          "time_apply_s",
                                          "nonfinite_steps"};
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  ASSERT_EQ(keys.size(), promised.size() + 1);
  EXPECT_TRUE(std::equal(promised.begin(), promised.end(), keys.begin()));
  EXPECT_EQ(keys.back(), "extra");
  EXPECT_EQ(json["compressor"], "sign");
  EXPECT_EQ(json["diverged"], true);
  EXPECT_EQ(json["steps"], 100);
  EXPECT_TRUE(json["loss_last"].is_null());  // inf
  EXPECT_TRUE(json["seed"].is_null());       // not given
  EXPECT_EQ(json["time_total_s"].get<double>(), 1.0);
}

TEST_F(SinksTest, SummaryShowsTextThatIsNotUtf8) {
  RunInfo info = synthetic_info(folder_, {});
  Log log({"summary"});
  log.begin(info);
  log.finish({{"out", std::string("\xff\xfe/x")}});
  EXPECT_NO_THROW(nlohmann::json::parse(read_file(folder_ / "summary.json")));
}

TEST_F(SinksTest, FilesArePartsUntilTheRunFinishes) {
  write_synthetic(folder_, {}, /*finish=*/false);
  for (const char* name : {"run.h5", "metrics.csv", "metrics.jsonl"}) {
    EXPECT_FALSE(std::filesystem::exists(folder_ / name)) << name;
    EXPECT_TRUE(std::filesystem::exists(partial_path(folder_ / name))) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "summary.json"));
  {
    const RunFile file = RunFile::open(folder_);
    EXPECT_FALSE(file.finished());
    EXPECT_EQ(file.records(), 100);
  }
  EXPECT_EQ(lines("metrics.csv.part").size(), 101u);

  write_synthetic(folder_, {});
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) EXPECT_NE(entry.path().extension(), ".part");
}

TEST_F(SinksTest, FlushMakesEverythingSoFarReadable) {
  const Synthetic run;
  Log log({"csv", "hdf5", "jsonl"});
  log.begin(synthetic_info(folder_, run));
  for (std::int64_t step = 1; step <= 7; ++step) log.write(synthetic_record(run, step));
  log.flush();
  EXPECT_EQ(lines("metrics.csv.part").size(), 8u);
  EXPECT_EQ(lines("metrics.jsonl.part").size(), 7u);
  EXPECT_EQ(RunFile::open(folder_).records(), 7);
}

TEST_F(SinksTest, TheFirstRecordIsReadableAtOnce) {
  const Synthetic run;
  Log log({"csv", "hdf5", "jsonl"});
  log.begin(synthetic_info(folder_, run));
  log.write(synthetic_record(run, 1));
  EXPECT_EQ(lines("metrics.csv.part").size(), 2u);
  EXPECT_EQ(lines("metrics.jsonl.part").size(), 1u);
  EXPECT_EQ(RunFile::open(folder_).records(), 1);
}

TEST_F(SinksTest, ReplayContinuesALogWithoutGapOrDuplicate) {
  Synthetic run;
  run.steps = 10000;  // more than a block
  write_synthetic(folder_ / "old", run, /*finish=*/false);
  std::filesystem::create_directories(folder_ / "new");
  Log log({"csv", "hdf5"});
  RunInfo info = synthetic_info(folder_ / "new", run);
  info.columns.push_back({"novel", "", "not in the old log"});
  log.begin(info);
  const auto past = PastRecords::find({folder_ / "old" / "run.h5.part", {}}, info.columns, {9000, 9000});
  EXPECT_EQ(past.remark(), "");
  log.replay(past);
  for (std::int64_t step = 9001; step <= 9500; ++step) {
    auto record = synthetic_record(run, step);
    record.push_back(1);
    log.write(record);
  }
  log.finish({});
  const RunFile file = RunFile::open(folder_ / "new");
  const auto steps = file.series("step");
  ASSERT_EQ(steps.size(), 9500u);
  for (std::size_t i = 0; i < steps.size(); ++i) ASSERT_EQ(steps[i], static_cast<double>(i + 1));
  EXPECT_TRUE(std::isnan(file.series("novel")[8999]));
  EXPECT_EQ(file.series("novel")[9000], 1);
}

TEST_F(SinksTest, SinksAreRefusedByName) {
  EXPECT_TRUE(contains(error_of([] { Log log({"csv", "hdf4"}); }), "hdf4"));
  EXPECT_TRUE(contains(error_of([] { Log log({"csv", "csv"}); }), "twice"));
  EXPECT_TRUE(contains(error_of([] { Log log({"console:loud"}); }), "sparse"));
  RunInfo info = synthetic_info("", {});
  EXPECT_TRUE(contains(error_of([&] { SinkRegistry::instance().make("csv")->begin(info); }), "--out"));
}

TEST_F(SinksTest, RunWithoutFolderWritesNoFiles) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  Log log({"csv", "hdf5", "jsonl", "summary"});
  log.begin(synthetic_info("", {}));
  log.write(synthetic_record({}, 1));
  log.finish({});
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SinksTest, MemoryDoesNotGrowWithTheNumberOfRecords) {
  ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);  // or a page touched may count as 2 MB
  const auto resident_bytes = [] {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    file >> total >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  };
  Synthetic run;
  run.steps = 1000000;
  Log log({"csv", "hdf5", "jsonl", "summary"});
  log.begin(synthetic_info(folder_, run));
  const auto record = synthetic_record(run, 5);
  for (int i = 0; i < 50000; ++i) log.write(record);
  const double before = resident_bytes();
  for (int i = 0; i < 200000; ++i) log.write(record);
  // Held in memory, these records would take 200,000 · 10 · 8 = 16 MB. HDF5's index of chunks may grow a little.
  EXPECT_LT(resident_bytes() - before, 4e6);
}

TEST(AppendNumber, IsShortAndReadsBackExactly) {
  const auto text = [](double value, NonFinite spelling = NonFinite::named) {
    std::string result;
    append_number(result, value, spelling);
    return result;
  };
  EXPECT_EQ(text(0), "0");
  EXPECT_EQ(text(1000000), "1000000");
  EXPECT_EQ(text(-3), "-3");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(NAN), "nan");
  EXPECT_EQ(text(-INFINITY), "-inf");
  EXPECT_EQ(text(INFINITY, NonFinite::null), "null");
  for (const double value : {1.0 / 3, 1e300, 5e-324, -0.0, 0x1p53, 0x1p60, 123456789.125}) {
    const double back = std::strtod(text(value).c_str(), nullptr);
    EXPECT_EQ(back, value);
    EXPECT_EQ(std::signbit(back), std::signbit(value));
  }
  EXPECT_EQ(text(5e-324), "5e-324");
}

}  // namespace
}  // namespace tersegrad
