// Log sinks: where a run's configuration, series and summary go. Only rank 0 owns sinks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tersegrad/core/registry.hpp"
#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// What a run announces before its first step.
struct RunInfo {
  std::filesystem::path folder;     ///< --out; exists; empty when the run writes no files
  LogFields configuration;          ///< every option with its value, the model's d, versions
  std::vector<SeriesInfo> columns;  ///< the columns of every record, in order; the first is "step"
  std::int64_t steps = 0;           ///< planned; 0: unknown
};

/// A sink receives begin once, write once per logged step (values in the order of RunInfo::columns; NaN: not
/// measured at this step), finish once with the summary. It reports trouble by throwing Error.
///
/// Files carry the name "<path>.part" (core/file.hpp) until finish renames them whole. A run that is killed leaves
/// readable .part files that lack at most the last few seconds. Memory does not grow with the number of records.
class Sink {
 public:
  static constexpr const char* family = "log sink";
  virtual ~Sink() = default;
  /// Whether it writes into RunInfo::folder; Log leaves such sinks out when a run has no folder.
  virtual bool needs_folder() const { return true; }
  virtual void begin(const RunInfo& info) = 0;
  virtual void write(const std::vector<double>& record) = 0;
  /// Makes everything written so far readable from outside, e.g. before a checkpoint counts as taken.
  virtual void flush() {}
  /// An evaluation goes on: `done` of `chunks` parts. The record that its figures belong to follows.
  virtual void evaluating(std::int64_t /*done*/, std::int64_t /*chunks*/) {}
  virtual void finish(const LogFields& summary) = 0;
};

using SinkRegistry = Registry<Sink>;

}  // namespace tersegrad
