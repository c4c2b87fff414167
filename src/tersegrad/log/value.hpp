// What a run records: series, and the values beside them (configuration, summary, attributes).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace tersegrad {

using LogValue = std::variant<bool, std::int64_t, double, std::string>;

/// Key, value and unit ("" for none; "s", "bytes", …) in a fixed order.
struct LogField {
  std::string key;
  LogValue value;
  std::string unit = {};
};
using LogFields = std::vector<LogField>;

/// The field named `key`; null if there is none.
inline const LogField* find_field(const LogFields& fields, const std::string& key) {
  for (const auto& field : fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

/// A series that the run will write: one column.
struct SeriesInfo {
  std::string name;         ///< "loss", "uplink_bytes"
  std::string unit;         ///< "s", "bytes", "" for none
  std::string description;  ///< one line
};

}  // namespace tersegrad
