// Small made-up runs for tests, written through the sinks as the trainer writes them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tersegrad/log/write/log.hpp"
#include "tersegrad/log/write/text_file.hpp"

namespace tersegrad::testing {

/// A fresh folder for one test, gone at its end.
class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "tersegrad-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  }
  void TearDown() override {
    std::error_code none;
    std::filesystem::remove_all(folder_, none);
  }
  std::filesystem::path folder_;
};

/// What a made-up run looks like.
struct Synthetic {
  std::string compressor = "sign";
  std::int64_t steps = 100;
  std::int64_t parameters = 1000;
  double uplink = 125 + 64;      // bytes a step
  double downlink = 3 * 125 + 64;
  double step_s = 0.01;          // of which half is compute
  double decay = 0.05;           // loss = 2·exp(−decay·step)
  std::int64_t every = 1;        // records every so many steps
  bool diverges = false;         // the loss ends as inf and NaN
  bool totals = true;            // cumulative series; earlier versions had none
  double warm_up = 1;            // the first step's time and bytes, as a multiple of the others'
  LogFields options = {};        // of the configuration, beside the others or instead of theirs
};

inline RunInfo synthetic_info(const std::filesystem::path& folder, const Synthetic& run) {
  RunInfo info;
  info.folder = folder;
  info.steps = run.steps;
  info.configuration = {{"model", std::string("mlp")},
                        {"dataset", std::string("breast-cancer")},
                        {"compressor", run.compressor},
                        {"exchange", std::string("server")},
                        {"noise", std::string("none")},
                        {"agents", std::int64_t{4}},
                        {"parameters", run.parameters},
                        {"batch", std::int64_t{32}, "examples"},
                        {"lr", 0.001},
                        {"overwrite", false},
                        {"comment", std::string("größer, \"quoted\"")}};
  info.columns = {{"step", "", "updates applied"},
                  {"time_s", "s", "time since the first step"},
                  {"loss", "", "mean training loss of the agents"},
                  {"uplink_bytes", "bytes", "sent by an agent at this step"},
                  {"downlink_bytes", "bytes", "received by an agent at this step"},
                  {"compute_s", "s", "forward and backward"},
                  {"compress_s", "s", "compression"},
                  {"exchange_s", "s", "sending and waiting"},
                  {"apply_s", "s", "decoding and the update"},
                  {"test_accuracy", "", "share of the test set classified correctly"}};
  if (run.totals) {
    for (const char* name : {"uplink_bytes_total", "downlink_bytes_total", "step_s_total", "compute_s_total",
                             "compress_s_total", "exchange_s_total", "apply_s_total"}) {
      info.columns.push_back({name, "", "of the run so far"});
    }
  }
  for (const auto& option : run.options) {
    const auto same = [&](const LogField& field) { return field.key == option.key; };
    std::erase_if(info.configuration, same);
    info.configuration.push_back(option);
  }
  return info;
}

inline double synthetic_loss(const Synthetic& run, std::int64_t step) {
  if (run.diverges && step > run.steps / 2) return step % 2 == 0 ? INFINITY : NAN;
  return 2 * std::exp(-run.decay * static_cast<double>(step));
}

inline std::vector<double> synthetic_record(const Synthetic& run, std::int64_t step) {
  const double s = static_cast<double>(step), now = step == 1 ? run.warm_up : 1, so_far = s - 1 + run.warm_up;
  std::vector<double> record{s,
                             so_far * run.step_s,
                             synthetic_loss(run, step),
                             now * run.uplink,
                             now * run.downlink,
                             now * 0.5 * run.step_s,
                             now * 0.1 * run.step_s,
                             now * 0.2 * run.step_s,
                             now * 0.1 * run.step_s,
                             step % 10 == 0 ? 0.9 : std::numeric_limits<double>::quiet_NaN()};
  if (run.totals) {
    for (const double each : {run.uplink, run.downlink, run.step_s, 0.5 * run.step_s, 0.1 * run.step_s,
                              0.2 * run.step_s, 0.1 * run.step_s}) {
      record.push_back(so_far * each);
    }
  }
  return record;
}

inline LogFields synthetic_summary(const Synthetic& run) {
  return {{"compressor", run.compressor},
          {"model", std::string("mlp")},
          {"steps", run.steps},
          {"loss_last", synthetic_loss(run, run.steps)},
          {"diverged", run.diverges},
          {"time_total_s", run.step_s * static_cast<double>(run.steps), "s"},
          {"extra", std::int64_t{7}}};
}

/// Writes a whole run into `folder` (created). `finish` false: as it stands when it is stopped.
inline void write_synthetic(const std::filesystem::path& folder, const Synthetic& run, bool finish = true,
                            const std::vector<std::string>& sinks = {"csv", "hdf5", "jsonl", "summary"}) {
  std::filesystem::create_directories(folder);
  Log log(sinks);
  log.begin(synthetic_info(folder, run));
  for (std::int64_t step = run.every; step <= run.steps; step += run.every) log.write(synthetic_record(run, step));
  if (finish) log.finish(synthetic_summary(run));
}

/// The records as rows of metrics.csv, for comparisons (NaN equals NaN).
inline std::vector<std::string> records_of(const PastRecords& past) {
  std::vector<std::string> rows;
  past.each([&](const std::vector<double>& record) {
    rows.emplace_back();
    for (const double value : record) {
      append_number(rows.back(), value, NonFinite::named);
      rows.back() += ',';
    }
  });
  return rows;
}

/// The text of the Error that `action` throws; fails the test if it throws none or more than one line.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace tersegrad::testing
