// The values that a run records beside its series: configuration, summary, attributes.
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

}  // namespace tersegrad
