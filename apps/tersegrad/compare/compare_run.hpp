// What `tersegrad compare` knows of one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tersegrad/log/value.hpp"

namespace tersegrad {

inline constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

/// One run in figures, each a property of the run alone. Bytes are per agent; a figure that the run did not record is
/// NaN. Totals are the last record's cumulative series, which are what summary.json divides: the figures are equal to the
/// last digit, whatever was logged.
struct ComparedRun {
  std::string name;  ///< of its folder
  std::filesystem::path path;
  bool finished = false;
  bool diverged = false;
  bool estimated = false;   ///< of a version without cumulative series: totals are estimated from the steps logged
  LogFields configuration;  ///< every option, and what the options came to
  std::string model, dataset, compressor, exchange;
  std::int64_t agents = 0;
  double steps = 0;         ///< done
  std::int64_t window = 1;  ///< steps that `smoothed` averages over: 2 % of `steps`

  double loss_first = not_known, loss_last = not_known, test_accuracy = not_known;
  double uplink_per_step = not_known, downlink_per_step = not_known;
  double dense_per_step = not_known;  ///< fp32, one direction: 4 bytes a parameter
  double uplink_header_per_step = not_known, downlink_header_per_step = not_known;
  double total_bytes = not_known;  ///< both directions, the whole run
  double time_s = not_known;       ///< of the steps: without evaluation, noise reports and checkpoints
  double compute_s = not_known, compress_s = not_known, exchange_s = not_known, apply_s = not_known;  ///< of time_s

  // Curves, one entry a record.
  std::vector<double> step, loss;
  std::vector<double> smoothed;       ///< trailing_mean(step, loss, window)
  std::vector<double> time, traffic;  ///< so far: time_s, bytes of both directions

  double best_loss() const;  ///< the least of `smoothed`; NaN if none is finite
  double per_step(double total) const { return total / steps; }
  double step_s() const { return per_step(time_s); }
  double other_s() const { return per_step(time_s - compute_s - compress_s - exchange_s - apply_s); }
  double savings_downlink() const { return dense_per_step / downlink_per_step; }
  double savings_uplink() const { return dense_per_step / uplink_per_step; }
  double savings_both() const { return 2 * dense_per_step / (uplink_per_step + downlink_per_step); }
};

/// Reads one run, in a process of its own. \throws Error naming the run (missing, damaged, not a run, no records)
ComparedRun load_compared_run(const std::filesystem::path& run);

/// Gives every run the name of its folder, or the path as given where two folders have one name.
void name_runs(std::vector<ComparedRun>& runs, const std::vector<std::string>& given);

/// Mean of the values of the last `window` steps until each: of steps in (step − window, step]. NaN where one of them is
/// not finite, or where not so many steps have been made. \param step ascending, one for each value, counted from 1
std::vector<double> trailing_mean(const std::vector<double>& step, const std::vector<double>& values,
                                  std::int64_t window);

/// The smallest finite value; NaN if there is none.
double smallest(const std::vector<double>& values);

/// The first index whose value is ≤ `limit`; values.size() if there is none.
std::size_t first_reaching(const std::vector<double>& values, double limit);

/// The configuration's value of `key` as text; empty if there is none.
std::string option_text(const ComparedRun& run, const std::string& key);

/// The options in which the runs differ and which change what a run computes or how fast: in the configuration's order,
/// without those that every comparison shows (compressor, lr, batch, steps).
std::vector<std::string> differing_options(const std::vector<ComparedRun>& runs);

}  // namespace tersegrad
