// What `tersegrad compare` knows of one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace tersegrad {

inline constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

/// One run in figures. Bytes are per agent; a figure that the run did not record is NaN.
struct ComparedRun {
  std::string name;  ///< of its folder
  std::filesystem::path path;
  bool finished = false;
  bool diverged = false;
  std::string model, dataset, compressor, exchange;
  std::int64_t agents = 0;
  double steps = 0;  ///< done

  double loss_first = not_known, loss_last = not_known, test_accuracy = not_known;
  double uplink_per_step = not_known, downlink_per_step = not_known;
  double dense_per_step = not_known;  ///< fp32, one direction: 4 bytes a parameter
  double total_bytes = not_known;     ///< both directions, the whole run
  double time_s = not_known;
  double compute_s = not_known, compress_s = not_known, exchange_s = not_known, apply_s = not_known;  ///< a step

  // Curves, one entry a record.
  std::vector<double> step, time, loss, traffic;  ///< traffic: bytes of both directions so far

  double step_s() const { return time_s / steps; }
  double other_s() const { return step_s() - compute_s - compress_s - exchange_s - apply_s; }
  double savings_uplink() const { return dense_per_step / uplink_per_step; }
  double savings_both() const { return 2 * dense_per_step / (uplink_per_step + downlink_per_step); }
};

/// Reads one run, in a process of its own. \throws Error naming the run (missing, damaged, not a run, no records)
ComparedRun load_compared_run(const std::filesystem::path& run);

/// Gives every run the name of its folder, or the path as given where two folders have one name.
void name_runs(std::vector<ComparedRun>& runs, const std::vector<std::string>& given);

/// Mean of each value and the `window`−1 before it; NaN where one of them is not finite or does not exist.
std::vector<double> trailing_mean(const std::vector<double>& values, std::size_t window);

/// The smallest finite value; NaN if there is none.
double smallest(const std::vector<double>& values);

/// The first index whose value is ≤ `limit`; values.size() if there is none.
std::size_t first_reaching(const std::vector<double>& values, double limit);

/// Records to average over: 2 % of those of the shortest run, at least one.
std::size_t smoothing_window(const std::vector<ComparedRun>& runs);

}  // namespace tersegrad
