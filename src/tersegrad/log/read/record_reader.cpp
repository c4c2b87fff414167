#include "tersegrad/log/read/record_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include "tersegrad/core/error.hpp"
#include "tersegrad/log/renamed.hpp"
#include "tersegrad/log/read/run_file.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"
#include "tersegrad/log/read/subprocess.hpp"

namespace tersegrad {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

class Hdf5Records final : public RecordReader {
 public:
  Hdf5Records(const std::filesystem::path& path, const std::vector<SeriesInfo>& columns) : file_(RunFile::open(path)) {
    for (const auto& column : columns) names_.push_back(file_.has(column.name) ? column.name : "");
    block_.resize(names_.size());
  }

  bool next(std::vector<double>& record) override {
    if (at_ == file_.records()) return false;
    const std::int64_t row = at_ % block_rows;
    if (row == 0) load();
    record.resize(names_.size());
    for (std::size_t c = 0; c < names_.size(); ++c) {
      record[c] = names_[c].empty() ? nan : block_[c][static_cast<std::size_t>(row)];
    }
    ++at_;
    return true;
  }

 private:
  static constexpr std::int64_t block_rows = 4096;

  void load() {
    const std::int64_t count = std::min(block_rows, file_.records() - at_);
    for (std::size_t c = 0; c < names_.size(); ++c) {
      if (!names_[c].empty()) block_[c] = file_.series(names_[c], at_, count);
    }
  }

  RunFile file_;
  std::vector<std::string> names_;  // of the columns asked for; "": the file has none
  std::vector<std::vector<double>> block_;
  std::int64_t at_ = 0;
};

/// What a reader of another process reads.
class IsolatedRecords final : public RecordReader {
 public:
  IsolatedRecords(const std::filesystem::path& path, const std::vector<SeriesInfo>& columns)
      : path_(path), width_(columns.size()),
        process_(concat("'", path.string(), "'"), reading_limit_s(path), [&](const auto& put) {
          Hdf5Records records(path, columns);
          for (std::vector<double> record; records.next(record);) put(record.data(), record.size() * sizeof(double));
        }) {}

  bool next(std::vector<double>& record) override {
    record.resize(width_);
    const std::size_t got = process_.read(record.data(), width_ * sizeof(double));
    TERSEGRAD_CHECK(got == 0 || got == width_ * sizeof(double), "'", path_.string(),
                    "' is damaged (reading it ends within a record)");
    return got > 0;
  }

 private:
  std::filesystem::path path_;
  std::size_t width_;
  Subprocess process_;
};

class CsvRecords final : public RecordReader {
 public:
  CsvRecords(const std::filesystem::path& path, const std::vector<SeriesInfo>& columns)
      : path_(path), width_(columns.size()) {
    std::error_code error;
    const bool regular = std::filesystem::is_regular_file(path, error);
    TERSEGRAD_CHECK(regular, "cannot open '", path.string(), "': ", error ? error.message() : "it is not a file");
    in_.open(path, std::ios::binary);
    TERSEGRAD_CHECK(in_, "cannot open '", path.string(), "': ", std::strerror(errno));
    TERSEGRAD_CHECK(whole_line(), "'", path.string(), "' is not the log of a run (it has no heading)");
    std::vector<bool> found(width_, false);
    for (const auto name : cells(line_)) {
      const auto column =
          std::find_if(columns.begin(), columns.end(),
                       [&](const SeriesInfo& info) { return info.name == name || earlier_name(info.name) == name; });
      const auto index = static_cast<std::size_t>(column - columns.begin());
      const bool wanted = column != columns.end() && !found[index];
      if (wanted) found[index] = true;
      targets_.push_back(wanted ? index : ignored);
    }
    TERSEGRAD_CHECK(!found.empty() && found.front(), "'", path.string(),
                    "' is not the log of a run (its heading has no '", columns.empty() ? "" : columns.front().name,
                    "')");
  }

  bool next(std::vector<double>& record) override {
    if (!whole_line()) return false;
    const auto values = cells(line_);
    TERSEGRAD_CHECK(values.size() == targets_.size(), "'", path_.string(), "' is damaged (line ", number_, " has ",
                    values.size(), " values, the heading ", targets_.size(), ")");
    record.assign(width_, nan);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (targets_[i] == ignored) continue;
      const auto text = values[i];
      const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), record[targets_[i]]);
      TERSEGRAD_CHECK(problem == std::errc() && end == text.data() + text.size(), "'", path_.string(),
                      "' is damaged (line ", number_, ", value ", i + 1, " is no number)");
    }
    return true;
  }

 private:
  static constexpr std::size_t ignored = std::numeric_limits<std::size_t>::max();

  bool whole_line() {
    ++number_;
    std::getline(in_, line_);
    TERSEGRAD_CHECK(!in_.bad(), "cannot read '", path_.string(), "': ", std::strerror(errno));
    return in_.good();  // at the end of the file getline has found no end of the line
  }

  static std::vector<std::string_view> cells(std::string_view line) {
    std::vector<std::string_view> all;
    for (;;) {
      const std::size_t comma = line.find(',');
      all.push_back(line.substr(0, comma));
      if (comma == std::string_view::npos) return all;
      line.remove_prefix(comma + 1);
    }
  }

  std::filesystem::path path_;
  std::size_t width_;
  std::ifstream in_;
  std::string line_;
  std::int64_t number_ = 0;           // of the line, from 1 on
  std::vector<std::size_t> targets_;  // where in a record the file's columns go
};

}  // namespace

std::unique_ptr<RecordReader> read_hdf5_records(const std::filesystem::path& path,
                                                const std::vector<SeriesInfo>& columns) {
  return std::make_unique<IsolatedRecords>(path, columns);
}

std::unique_ptr<RecordReader> read_csv_records(const std::filesystem::path& path,
                                               const std::vector<SeriesInfo>& columns) {
  return std::make_unique<CsvRecords>(path, columns);
}

}  // namespace tersegrad
