// The folder that a run writes to: claimed before any training, by one run at a time.
#pragma once

#include <filesystem>
#include <functional>

#include "tersegrad/log/read/past_records.hpp"

namespace tersegrad {

/// What to do with a run that the folder already holds.
enum class ExistingRun { refuse, overwrite, overwrite_checkpoints, resume };

/// Claims --out DIR for the lifetime of the object; the claim ends with the process, however it ends. Nothing but a
/// run's files (HeldRun) is ever touched.
class OutputFolder {
 public:
  /// Creates the folder (and its parents) where it is missing.
  ///   refuse     throws if the folder holds any file of a run
  ///   overwrite  removes the files of a run; throws if it is unfinished and has checkpoints
  ///   overwrite_checkpoints  removes those too
  ///   resume     keeps them; previous_log() then is the log so far, and summary.json goes
  /// \throws Error naming the folder: it holds a run, is in use by another run, is not writable, is not a folder, or
  /// cannot be looked at as a whole: nothing is removed then
  OutputFolder(const std::filesystem::path& folder, ExistingRun existing);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::filesystem::path& path() const { return folder_; }

  /// resume: the run.h5 and the metrics.csv to take the records of the past from (PastRecords), as far as the run had
  /// such sinks. They stand aside as run.h5.previous and metrics.csv.previous, so that the sinks begin anew, until
  /// discard_previous_log().
  PastLog previous_log() const;
  /// Once what the new logs have of it is on the disk.
  void discard_previous_log();

 private:
  void lock();
  void unlock();
  void prepare(ExistingRun existing) const;
  void set_log_aside() const;
  std::filesystem::path folder_;
  bool created_ = false;
  int lock_fd_ = -1;
};

/// What a run under way has logged in `folder` until now is on the disk.
/// \param advanced told behind each file \throws Error
void flush_logs(const std::filesystem::path& folder, const std::function<void()>& advanced = {});

}  // namespace tersegrad
