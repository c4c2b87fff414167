// The records of an earlier log, one after another.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// Goes through the records of one file from the first on. A long log need not fit into memory.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  /// The next record: one value per column asked for, NaN where it was not measured or the file has no such column,
  /// under its present name or the one that it had before (renamed.hpp).
  /// \returns false behind the last one  \throws Error naming the file and the reason
  virtual bool next(std::vector<double>& record) = 0;
};

/// A run.h5 (also .part), read in an Subprocess. \throws Error; next(), when HDF5 crashes over the file
std::unique_ptr<RecordReader> read_hdf5_records(const std::filesystem::path& path,
                                                const std::vector<SeriesInfo>& columns);

/// A metrics.csv (also .part). A last line without its end, as a killed writer leaves it, is no record. \throws Error
std::unique_ptr<RecordReader> read_csv_records(const std::filesystem::path& path,
                                               const std::vector<SeriesInfo>& columns);

}  // namespace tersegrad
