// Work on files that are not to be trusted, in a process of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tersegrad/log/sink.hpp"

namespace tersegrad {

/// What `work` returns, computed in a child process. A library that crashes, hangs or swallows memory over a damaged
/// file then ends the child and not the program. Only for programs that have started no threads (and no MPI).
/// \param subject      what is worked on, for messages: "'runs/a/run.h5'"
/// \param processor_s  the child is ended when it has used so much processor time, or waited ten times as long
/// \throws Error: that of `work`, or "<subject> is damaged (…)" when the child crashed or was ended
std::string run_isolated(const std::string& subject, double processor_s, const std::function<std::string()>& work);

/// A run read back at once.
struct RunData {
  std::filesystem::path path;  ///< the file read
  bool finished = false;       ///< false: going on, or stopped before its end
  LogFields configuration, summary;
  std::vector<SeriesInfo> columns;
  std::int64_t records = 0;
  std::map<std::string, std::vector<double>> series;  ///< of those asked for, the ones that exist
};

/// Reads a run (RunFile::open) in a child process: HDF5 can crash and hang over a file that is damaged in the wrong
/// place. \throws Error naming the run
RunData read_isolated(const std::filesystem::path& run, const std::vector<std::string>& series);

}  // namespace tersegrad
