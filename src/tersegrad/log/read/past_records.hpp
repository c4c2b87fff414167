// What a resumed run takes over from its log so far.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tersegrad/log/read/record_reader.hpp"
#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// The files of a log that was stopped; an empty path: there is none.
struct PastLog {
  std::filesystem::path hdf5, csv;
  bool empty() const { return hdf5.empty() && csv.empty(); }
};

/// Where the log of a run that goes on stands.
struct LogPast {
  std::int64_t step = 0;     ///< last one of the past; 0: the run begins
  std::int64_t records = 0;  ///< made until then
  bool held = false;         ///< one more of that step is to come: it waits for its evaluation (HeldRecord)
};

/// The records of a run's past, found sound before any of them is used.
///
/// They come from run.h5. SIGKILL can tear a write of HDF5's own in two, in a place that every series needs; then
/// they come from metrics.csv, which has the same digits and of which a kill spoils only the last line.
class PastRecords {
 public:
  using Use = std::function<void(const std::vector<double>&)>;

  /// Reads the past through once. \param columns  those of the records, the first "step"; matched by name, NaN where
  /// the log has none  \throws Error, one line, when no file has all `past.records` records up to step `past.step`
  static PastRecords find(const PastLog& log, const std::vector<SeriesInfo>& columns, const LogPast& past);

  const std::filesystem::path& path() const { return path_; }  ///< the file that they come from
  const std::string& remark() const { return remark_; }        ///< one line when that is not run.h5, with the reason
  const std::vector<SeriesInfo>& columns() const { return columns_; }

  /// Hands over every record, in order. \throws Error
  void each(const Use& use) const;

  /// The record behind those, where the log has it and it is of the past's last step: a log that was finished, or ended
  /// later than its last checkpoint was taken.
  std::optional<std::vector<double>> following() const;

 private:
  PastRecords(const std::vector<SeriesInfo>& columns, const LogPast& past) : columns_(columns), past_(past) {}
  bool readable(const std::filesystem::path& path, decltype(&read_csv_records) open, std::string& trouble);
  std::vector<SeriesInfo> columns_;
  LogPast past_;
  std::filesystem::path path_;
  decltype(&read_csv_records) open_ = nullptr;
  std::string remark_;
};

}  // namespace tersegrad
