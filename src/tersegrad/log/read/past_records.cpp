#include "tersegrad/log/read/past_records.hpp"

#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {

PastRecords PastRecords::find(const PastLog& log, const std::vector<SeriesInfo>& columns, const LogPast& past) {
  PastRecords records(columns, past);
  std::string of_hdf5 = "there is no run.h5", of_csv = "there is no metrics.csv";
  if (records.readable(log.hdf5, read_hdf5_records, of_hdf5)) return records;
  TERSEGRAD_CHECK(records.readable(log.csv, read_csv_records, of_csv),
                  "the records of the run's past are lost: ", of_hdf5, "; ", of_csv);
  records.remark_ = concat(of_hdf5, "; the records of the run's past come from '", records.path_.string(), "'");
  return records;
}

bool PastRecords::readable(const std::filesystem::path& path, decltype(&read_csv_records) open, std::string& trouble) {
  if (path.empty()) return false;
  path_ = path;
  open_ = open;
  try {
    each([](const std::vector<double>&) {});
    return true;
  } catch (const Error& error) {
    trouble = error.what();
    return false;
  }
}

std::optional<std::vector<double>> PastRecords::following() const {
  std::vector<double> record;
  try {
    const auto reader = open_(path_, columns_);
    for (std::int64_t i = 0; i <= past_.records; ++i) {
      if (i % 1024 == 0) tell_progress();
      if (!reader->next(record)) return std::nullopt;
    }
  } catch (const Error&) {  // nobody needs it: what it holds can be made again
    return std::nullopt;
  }
  if (record.front() != static_cast<double>(past_.step)) return std::nullopt;
  return record;
}

void PastRecords::each(const Use& use) const {
  const auto reader = open_(path_, columns_);
  std::vector<double> record;
  double last = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < past_.records; ++i) {
    if (i % 1024 == 0) tell_progress();
    const bool found = reader->next(record) && !(record.front() > static_cast<double>(past_.step));
    TERSEGRAD_CHECK(found, "the log in '", path_.string(), "' has ", i, " records up to step ", past_.step,
                    " (the checkpoint of that step was taken behind ", past_.records, ")");
    TERSEGRAD_CHECK(record.front() >= last, "'", path_.string(), "' is damaged (record ", i + 1, " is of step ",
                    record.front(), ", the one before of step ", last, ")");
    last = record.front();
    use(record);
  }
}

}  // namespace tersegrad
