#include "tersegrad/log/write/log.hpp"

#include <algorithm>
#include <utility>

#include "tersegrad/core/error.hpp"

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
  TERSEGRAD_ASSERT(!info.columns.empty() && info.columns.front().name == "step",
                  "the first column of a log must be 'step'");
  columns_ = info.columns;
  for (auto& member : sinks_) member.sink->begin(info);
}

void Log::write(const std::vector<double>& record) {
  TERSEGRAD_ASSERT(record.size() == columns_.size(), "a record has ", record.size(), " values where the run has ",
                  columns_.size(), " columns");
  for (auto& member : sinks_) member.sink->write(record);
  // From the first record on, a run that is killed, or read while it goes on, has a log in every file.
  if (!std::exchange(any_records_, true)) flush();
}

void Log::flush() {
  for (auto& member : sinks_) member.sink->flush();
}

void Log::evaluating(std::int64_t done, std::int64_t chunks) {
  for (auto& member : sinks_) member.sink->evaluating(done, chunks);
}

void Log::replay(const PastRecords& past) {
  TERSEGRAD_ASSERT(past.columns().size() == columns_.size(), "the records of the past have ", past.columns().size(),
                  " values where the run has ", columns_.size(), " columns");
  past.each([&](const std::vector<double>& record) {
    for (auto& member : sinks_) {
      if (member.sink->needs_folder()) member.sink->write(record);
    }
  });
  flush();
}

void Log::finish(const LogFields& summary) {
  for (auto& member : sinks_) member.sink->finish(summary);
}

std::filesystem::path sink_path(const RunInfo& info, const std::string& sink, const std::string& name) {
  TERSEGRAD_CHECK(!info.folder.empty(), "log sink '", sink, "' writes '", name,
                  "' into the run's folder; give one with --out");
  return info.folder / name;
}

}  // namespace tersegrad
