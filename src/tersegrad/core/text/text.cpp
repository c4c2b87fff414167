#include "tersegrad/core/text/text.hpp"

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

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    if (!is_control(c)) {
      shown += c;
    } else if (c == '\n' || c == '\t') {
      shown += c == '\n' ? "\\n" : "\\t";
    } else {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      shown += code;
    }
  }
  return shown;
}

void require_printable(std::string_view text, const std::string& what) {
  const auto found = std::find_if(text.begin(), text.end(), is_control);
  TERSEGRAD_CHECK(found == text.end(), what, " is '", printable(text), "', with a control character at byte ",
                  found - text.begin(), " (names and options are kept as lines of text; choose another name)");
}

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

}  // namespace tersegrad
