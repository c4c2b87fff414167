// Log sinks: where a run's configuration, series and summary go. Only rank 0 owns sinks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tersegrad/core/registry.hpp"

namespace tersegrad {

using LogValue = std::variant<bool, std::int64_t, double, std::string>;

/// Key, value and unit ("" for none; "s", "bytes", …) in a fixed order.
struct LogField {
  std::string key;
  LogValue value;
  std::string unit;
};
using LogFields = std::vector<LogField>;

/// A series that the run will write: one column.
struct SeriesInfo {
  std::string name;         ///< "loss", "uplink_bytes"
  std::string unit;         ///< "s", "bytes", "" for none
  std::string description;  ///< one line
};

/// What a run announces before its first step.
struct RunInfo {
  std::filesystem::path folder;     ///< --out; exists; empty when the run writes no files
  LogFields configuration;          ///< every option with its value, the model's d, versions
  std::vector<SeriesInfo> columns;  ///< the columns of every record, in order; the first is "step"
  std::int64_t steps = 0;           ///< planned
};

/// A sink receives begin once, write once per logged step (values in the order of RunInfo::columns; NaN: not
/// measured at this step), finish once with the summary. It reports trouble by throwing Error.
class Sink {
 public:
  static constexpr const char* family = "log sink";
  virtual ~Sink() = default;
  virtual void begin(const RunInfo& info) = 0;
  virtual void write(const std::vector<double>& record) = 0;
  virtual void finish(const LogFields& summary) = 0;
};

using SinkRegistry = Registry<Sink>;

}  // namespace tersegrad
