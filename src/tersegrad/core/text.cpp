#include "tersegrad/core/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

std::string print(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// Three significant digits without an exponent, for 0.001 ≤ |value| < 10000.
std::string three_digits(double value) {
  const double size = std::abs(value);
  return print(size < 9.995 ? "%.2f" : size < 99.95 ? "%.1f" : "%.0f", value);
}

/// Terminal columns of UTF-8 text: bytes that do not continue a character.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string format_bytes(double bytes) {
  static constexpr std::array units = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (std::abs(bytes) >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  const bool whole = unit == 0 && bytes == std::floor(bytes);
  return (whole ? print("%.0f", bytes) : three_digits(bytes)) + " " + units[unit];
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 1e-3) return three_digits(seconds * 1e6) + " µs";
  if (seconds < 1) return three_digits(seconds * 1e3) + " ms";
  if (seconds < 60) return three_digits(seconds) + " s";
  const auto whole = static_cast<long long>(std::llround(seconds));
  char text[64];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  }
  return text;
}

std::string format_number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

void TextTable::add(std::vector<std::string> row) {
  TERSEGRAD_CHECK(row.size() == rows_.front().size(), "bug: a table row has ", row.size(),
                  " cells where the heading has ", rows_.front().size());
  rows_.push_back(std::move(row));
}

std::string TextTable::str() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c]));
  }
  std::string text;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string padding(widths[c] - columns(rows_[r][c]), ' ');
      line += c == 0 ? rows_[r][c] + padding : "  " + padding + rows_[r][c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (r == 0) {
      std::size_t total = 0;
      for (std::size_t c = 0; c < widths.size(); ++c) total += widths[c] + (c == 0 ? 0 : 2);
      for (std::size_t i = 0; i < total; ++i) text += "─";
      text += "\n";
    }
  }
  return text;
}

}  // namespace tersegrad
