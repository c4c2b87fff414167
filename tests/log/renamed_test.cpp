// Series that have another name than in version 0.1: both names are written and read, and old logs go on.
#include "tersegrad/log/renamed.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/hdf5/hdf5_file.hpp"
#include "tersegrad/log/read/past_records.hpp"
#include "tersegrad/log/read/run_file.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;

const std::vector<SeriesInfo> now{{"step", "", ""}, {"update_norm", "", "a norm"}, {"loss", "", ""},
                                  {"exact_gradient_norm2", "", ""}};
const std::vector<SeriesInfo> before{{"step", "", ""}, {"gradient_norm", "", "a norm"}, {"loss", "", ""},
                                     {"gradient_norm2", "", ""}};

class RenamedTest : public FolderTest {
 protected:
  static std::vector<double> record(int step) { return {double(step), 10.5 + step, 1.0 / step, step == 2 ? NAN : 0.25 * step}; }

  /// A log of three steps as this version writes it.
  void write_new(bool finish) {
    Log log({"csv", "hdf5", "jsonl"});
    RunInfo info;
    info.folder = folder_;
    info.columns = now;
    info.configuration = {{"exchange", std::string("hierarchical:2")}};
    log.begin(info);
    for (int step = 1; step <= 3; ++step) log.write(record(step));
    if (finish) log.finish({});
    else log.flush();
  }
  /// One as version 0.1 wrote it.
  void write_old() {
    auto file = Hdf5File::create(folder_ / "run.h5");
    file.set_attribute("/", "format", std::string("tersegrad run"));
    file.create_group("/config");
    file.set_attribute("/config", "exchange", std::string("local:2"));
    file.create_group("/series");
    std::string csv;
    for (std::size_t c = 0; c < before.size(); ++c) {
      std::vector<double> values;
      for (int step = 1; step <= 3; ++step) values.push_back(record(step)[c]);
      file.write<double>("/series/" + before[c].name, values);
      csv += (c == 0 ? "" : ",") + before[c].name;
    }
    file.close();
    for (int step = 1; step <= 3; ++step) {
      csv += "\n";
      for (std::size_t c = 0; c < before.size(); ++c) {
        if (c > 0) csv += ',';
        append_number(csv, record(step)[c], NonFinite::named);
      }
    }
    write_file(folder_ / "metrics.csv", csv + "\n");
  }
  static void expect_series(const std::vector<double>& got, std::size_t column) {
    ASSERT_EQ(got.size(), 3u);
    for (int step = 1; step <= 3; ++step) {
      const double wanted = record(step)[column], value = got[static_cast<std::size_t>(step - 1)];
      EXPECT_TRUE(value == wanted || (std::isnan(value) && std::isnan(wanted))) << value << " at step " << step;
    }
  }
  /// The records that a resumed run takes over.
  void expect_past(const PastLog& files) {
    std::vector<std::vector<double>> records;
    PastRecords::find(files, now, {3, 3}).each([&](const auto& r) { records.push_back(r); });
    ASSERT_EQ(records.size(), 3u);
    for (std::size_t c = 0; c < now.size(); ++c) {
      std::vector<double> series;
      for (const auto& r : records) series.push_back(r[c]);
      expect_series(series, c);
    }
  }
};

TEST_F(RenamedTest, ATableHasBothNamesTheEarlierOnesLast) {
  write_new(true);
  const std::string text = read_file(folder_ / "metrics.csv");
  EXPECT_EQ(text, "step,update_norm,loss,exact_gradient_norm2,gradient_norm,gradient_norm2\n"
                  "1,11.5,1,0.25,11.5,0.25\n2,12.5,0.5,nan,12.5,nan\n3,13.5,0.3333333333333333,0.75,13.5,0.75\n");
}

TEST_F(RenamedTest, JsonLinesHaveBothNames) {
  write_new(true);
  std::istringstream lines(read_file(folder_ / "metrics.jsonl"));
  std::string line;
  for (int step = 1; step <= 3; ++step) {
    ASSERT_TRUE(std::getline(lines, line));
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json.size(), 6u);
    for (const auto& renamed : renamed_series) {
      EXPECT_EQ(json.at(std::string(renamed.before)), json.at(std::string(renamed.now)));
    }
    EXPECT_EQ(json.at("gradient_norm"), 10.5 + step);
    EXPECT_EQ(json.at("gradient_norm2").is_null(), step == 2);
  }
}

TEST_F(RenamedTest, ARunFileHasOneSeriesUnderBothNames) {
  for (const bool finished : {false, true}) {
    write_new(finished);
    const auto path = folder_ / (finished ? "run.h5" : "run.h5.part");
    const auto raw = Hdf5File::open(path);
    EXPECT_EQ(raw.members("/series"), (std::vector<std::string>{"step", "update_norm", "loss", "exact_gradient_norm2",
                                                                "gradient_norm", "gradient_norm2"}));
    expect_series(raw.read<double>("/series/gradient_norm"), 1);
    expect_series(raw.read<double>("/series/update_norm"), 1);
    EXPECT_EQ(raw.attributes("/series/gradient_norm"), raw.attributes("/series/update_norm"));
    const auto run = RunFile::open(path);
    ASSERT_EQ(run.columns().size(), now.size());  // each once
    for (std::size_t c = 0; c < now.size(); ++c) {
      EXPECT_EQ(run.columns()[c].name, now[c].name);
      expect_series(run.series(now[c].name), c);
      expect_series(run.series(before[c].name), c);
    }
  }
}

TEST_F(RenamedTest, ARunFileOfVersion01IsReadUnderEitherName) {
  write_old();
  const auto run = RunFile::open(folder_);
  ASSERT_EQ(run.columns().size(), now.size());
  for (std::size_t c = 0; c < now.size(); ++c) {
    EXPECT_EQ(run.columns()[c].name, now[c].name);
    EXPECT_TRUE(run.has(now[c].name) && run.has(before[c].name));
    expect_series(run.series(now[c].name), c);
    expect_series(run.series(before[c].name), c);
  }
  EXPECT_FALSE(run.has("loss2"));
  const auto data = read_in_subprocess(folder_, {"update_norm", "gradient_norm"});
  expect_series(data.series.at("update_norm"), 1);
  expect_series(data.series.at("gradient_norm"), 1);
  EXPECT_EQ(find_field(run.configuration(), "exchange")->value, LogValue(std::string("hierarchical:2")));
}

TEST_F(RenamedTest, ALogOfVersion01GoesOn) {
  write_old();
  expect_past({folder_ / "run.h5", {}});
  expect_past({{}, folder_ / "metrics.csv"});
}

TEST_F(RenamedTest, ALogOfThisVersionGoesOn) {
  write_new(false);
  expect_past({folder_ / "run.h5.part", {}});
  expect_past({{}, folder_ / "metrics.csv.part"});
}

TEST(Renamed, OnlyTheExchangesNameIsReplaced) {
  const auto after = [](const std::string& key, const std::string& text) {
    LogFields fields{{key, text}};
    use_present_names(fields);
    return std::get<std::string>(fields[0].value);
  };
  EXPECT_EQ(after("exchange", "local"), "hierarchical");
  EXPECT_EQ(after("exchange", "local:2"), "hierarchical:2");
  EXPECT_EQ(after("exchange", "local,ranks-per-node=2"), "hierarchical,ranks-per-node=2");
  EXPECT_EQ(after("exchange", "localized"), "localized");
  EXPECT_EQ(after("exchange", "server"), "server");
  EXPECT_EQ(after("noise", "local"), "local");
}

}  // namespace
}  // namespace tersegrad
