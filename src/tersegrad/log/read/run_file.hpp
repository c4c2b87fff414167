// Runs read back: run.h5, or the run.h5.part of a run that is going on or was stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tersegrad/log/hdf5/hdf5_file.hpp"
#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// The file of a run. Series are read on demand, so that a long run need not fit into memory.
class RunFile {
 public:
  /// \param run  an output folder, or a run.h5 or run.h5.part itself
  /// \throws Error naming the file and the reason (missing, damaged, not a run)
  static RunFile open(const std::filesystem::path& run);

  const std::filesystem::path& path() const { return path_; }
  bool finished() const { return finished_; }  ///< false: going on, or stopped before its end
  const LogFields& configuration() const { return configuration_; }
  const LogFields& summary() const { return summary_; }  ///< empty for an unfinished run
  /// Under their present names, each once.
  const std::vector<SeriesInfo>& columns() const { return columns_; }
  std::int64_t records() const { return records_; }
  /// Whether it has a series, by its present name or the one that it had before (renamed.hpp), whichever the file uses.
  bool has(const std::string& series) const;

  /// `count` values of a series from record `first` on; all by default. \throws Error
  std::vector<double> series(const std::string& name, std::int64_t first = 0, std::int64_t count = -1) const;

 private:
  /// The name under which the file has a series; "" where it has none.
  std::string stored_name(const std::string& series) const;

  explicit RunFile(Hdf5File file) : file_(std::move(file)) {}
  Hdf5File file_;
  std::filesystem::path path_;
  bool finished_ = false;
  LogFields configuration_, summary_;
  std::vector<SeriesInfo> columns_;
  std::set<std::string> stored_;  // the names in the file
  std::int64_t records_ = 0;
};

}  // namespace tersegrad
