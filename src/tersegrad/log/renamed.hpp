// What the files of version 0.1 call otherwise. A name here stays an alias for one version: remove the lines after 0.2.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tersegrad/log/sink.hpp"
#include "tersegrad/log/value.hpp"

namespace tersegrad {

/// A series with its earlier name.
struct RenamedSeries {
  std::string_view before, now;
};
inline constexpr std::array renamed_series{RenamedSeries{"gradient_norm", "update_norm"},
                                           RenamedSeries{"gradient_norm2", "exact_gradient_norm2"}};

/// The earlier name of a series; "" for one that was never renamed.
inline std::string earlier_name(const std::string& series) {
  for (const auto& renamed : renamed_series) {
    if (renamed.now == series) return std::string(renamed.before);
  }
  return "";
}

/// The present name of a series that has another since; "" where the name is the present one.
inline std::string present_name(const std::string& series) {
  for (const auto& renamed : renamed_series) {
    if (renamed.before == series) return std::string(renamed.now);
  }
  return "";
}

/// The earlier names of some columns, each with the column's number: what a log has beside them, so that a script reads
/// either name.
inline std::vector<std::pair<std::string, std::size_t>> earlier_names(const std::vector<SeriesInfo>& columns) {
  std::vector<std::pair<std::string, std::size_t>> all;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (const auto name = earlier_name(columns[c].name); !name.empty()) all.emplace_back(name, c);
  }
  return all;
}

/// A run's configuration or summary with the present names of what its values name: exchange `local` is `hierarchical`.
inline void use_present_names(LogFields& fields) {
  constexpr std::string_view before = "local";
  for (auto& field : fields) {
    auto* const text = field.key == "exchange" ? std::get_if<std::string>(&field.value) : nullptr;
    if (text == nullptr || !text->starts_with(before)) continue;
    if (text->size() == before.size() || (*text)[before.size()] == ':' || (*text)[before.size()] == ',') {
      text->replace(0, before.size(), "hierarchical");
    }
  }
}

}  // namespace tersegrad
