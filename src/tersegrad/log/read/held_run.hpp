// What a folder holds of a run, looked at without changing anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tersegrad {

/// A run consists of run.h5, metrics.csv, metrics.jsonl, summary.json, checkpoints/checkpoint-STEP, each also as .part,
/// run.h5.new, run.h5.previous and metrics.csv.previous. A copy under another name (checkpoint-5.bak, checkpoint-007)
/// is its owner's.
struct HeldRun {
  std::vector<std::filesystem::path> files;  ///< every file of a run, sorted
  std::vector<std::int64_t> checkpoints;     ///< the steps of its checkpoints, newest first; sound or not
  bool summarized = false;                   ///< it has a summary.json that can be understood
  bool finished = false;  ///< nothing is left to do: the summary, or else a log that is whole, says so
  bool diverged = false;  ///< of a finished run
  std::int64_t steps = 0;  ///< of a finished run: steps done; -1: unknown

  bool has_unfinished_checkpoints() const { return !finished && !checkpoints.empty(); }
};

/// \throws Error for whatever cannot be looked at (a folder without rights, a stale handle, a disk that fails) and for a
/// folder where a run has a file: what cannot be read is not empty. A folder that is not there holds nothing.
HeldRun look_at_run(const std::filesystem::path& folder);

/// Whether `name` is the name of a file that a run writes into its own folder (or its .part).
bool is_run_file(const std::string& name);

/// The step in the name of a checkpoint, checkpoint-STEP as it is written; none: it is no checkpoint's.
std::optional<std::int64_t> step_of_checkpoint(const std::string& name);

}  // namespace tersegrad
