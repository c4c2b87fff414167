#include "tersegrad/log/log.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/log/run_file.hpp"

namespace tersegrad {

const std::vector<std::string>& Log::default_sinks() {
  static const std::vector<std::string> sinks{"console", "csv", "hdf5", "summary"};
  return sinks;
}

Log::Log(const std::vector<std::string>& sinks) {
  for (const auto& text : sinks) {
    const std::string name = Spec::parse(text).name;
    const bool repeated = std::any_of(sinks_.begin(), sinks_.end(), [&](const Member& m) { return m.name == name; });
    TERSEGRAD_CHECK(!repeated, "log sink '", name, "' is given twice");
    sinks_.push_back({name, SinkRegistry::instance().make(text)});
  }
  std::stable_partition(sinks_.begin(), sinks_.end(), [](const Member& m) { return m.name != "summary"; });
}

void Log::begin(const RunInfo& info) {
  if (info.folder.empty()) std::erase_if(sinks_, [](const Member& m) { return m.sink->needs_folder(); });
  TERSEGRAD_CHECK(!info.columns.empty() && info.columns.front().name == "step", "bug: the first column of a log must be 'step'");
  columns_ = info.columns;
  for (auto& member : sinks_) member.sink->begin(info);
}

void Log::write(const std::vector<double>& record) {
  TERSEGRAD_CHECK(record.size() == columns_.size(), "bug: a record has ", record.size(), " values where the run has ",
                  columns_.size(), " columns");
  for (auto& member : sinks_) member.sink->write(record);
  // From the first record on, a run that is killed, or read while it goes on, has a log in every file.
  if (!std::exchange(any_records_, true)) flush();
}

void Log::flush() {
  for (auto& member : sinks_) member.sink->flush();
}

std::int64_t Log::replay(const std::filesystem::path& previous, std::int64_t last_step, std::int64_t most) {
  constexpr std::int64_t block = 4096;
  const RunFile file = RunFile::open(previous);
  std::vector<double> record(columns_.size());
  const std::int64_t records = std::min(most, file.records());
  for (std::int64_t first = 0; first < records; first += block) {
    const std::int64_t count = std::min(block, records - first);
    std::vector<std::vector<double>> values;
    for (const auto& column : columns_) {
      values.push_back(file.has(column.name)
                           ? file.series(column.name, first, count)
                           : std::vector<double>(static_cast<std::size_t>(count), std::numeric_limits<double>::quiet_NaN()));
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const auto row = static_cast<std::size_t>(i);
      if (values.front()[row] > static_cast<double>(last_step)) {
        flush();
        return first + i;
      }
      for (std::size_t c = 0; c < record.size(); ++c) record[c] = values[c][row];
      for (auto& member : sinks_) {
        if (member.sink->needs_folder()) member.sink->write(record);
      }
    }
  }
  flush();
  return records;
}

void Log::finish(const LogFields& summary) {
  for (auto& member : sinks_) member.sink->finish(summary);
}

std::filesystem::path sink_path(const RunInfo& info, const std::string& sink, const std::string& name) {
  TERSEGRAD_CHECK(!info.folder.empty(), "log sink '", sink, "' writes '", name, "' into the run's folder; give one with --out");
  return info.folder / name;
}

}  // namespace tersegrad
