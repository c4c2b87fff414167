// The sinks of one run together, and the names of its files.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tersegrad/log/read/past_records.hpp"
#include "tersegrad/log/sink.hpp"

namespace tersegrad {

/// Hands a run's records to several sinks, in the order given.
///
///     Log log({"console", "csv", "hdf5", "summary"});
///     log.begin(info);  log.write(record);  …  log.finish(summary);
class Log {
 public:
  /// The sinks of `tersegrad train` unless --log says otherwise.
  static const std::vector<std::string>& default_sinks();

  /// \param sinks  one spec each (name[:argument]…)  \throws Error for an unknown name or an impossible argument
  explicit Log(const std::vector<std::string>& sinks = default_sinks());

  /// Leaves out the sinks that write files when `info.folder` is empty. \throws Error
  void begin(const RunInfo& info);
  /// The first record is flushed at once, the others at intervals of seconds (FlushTimer).
  /// \throws Error; a record that has not one value per column is a bug and is refused
  void write(const std::vector<double>& record);
  void flush();
  /// How far an evaluation is, for sinks that show it.
  void evaluating(std::int64_t done, std::int64_t chunks);
  /// Repeats the records of an earlier log, found for the columns of this one, for a run that goes on from there: into
  /// the files, not onto the console; then flushes. \throws Error
  void replay(const PastRecords& past);
  /// The summary sink comes last whatever the order given: where summary.json stands, the run is complete.
  void finish(const LogFields& summary);

 private:
  struct Member {
    std::string name;
    std::unique_ptr<Sink> sink;
  };
  std::vector<Member> sinks_;
  std::vector<SeriesInfo> columns_;
  bool any_records_ = false;
};

/// The file `name` of the sink `sink` in the run's folder. \throws Error if the run has no folder
std::filesystem::path sink_path(const RunInfo& info, const std::string& sink, const std::string& name);

}  // namespace tersegrad
