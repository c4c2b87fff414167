// Runs read in a process of its own: HDF5 can crash and hang over a file that is damaged in the wrong place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// A run read back at once.
struct RunData {
  std::filesystem::path path;  ///< the file read
  bool finished = false;       ///< false: going on, or stopped before its end
  LogFields configuration, summary;
  std::vector<SeriesInfo> columns;
  std::int64_t records = 0;
  std::map<std::string, std::vector<double>> series;  ///< of those asked for, the ones that exist
};

/// Seconds of processor time that reading a run's file may take: the library reads a gigabyte a second, and one that it
/// hangs over is told from a long one by its size.
double reading_limit_s(const std::filesystem::path& run);

/// Reads a run (RunFile::open) in an Subprocess: those of `series` that it has, or all. \throws Error naming the
/// run
RunData read_in_subprocess(const std::filesystem::path& run, const std::vector<std::string>& series);
RunData read_in_subprocess(const std::filesystem::path& run);

}  // namespace tersegrad
