#include "tersegrad/core/text/digits.hpp"

#include <cmath>
#include <cstdio>

#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

/// The value with so many significant digits, zeros behind them: 345 with two is 350.
double rounded(double value, int digits) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) + 1 - digits);
  return std::round(value / unit) * unit;
}

}  // namespace

std::string format_fewer(double ratio) {
  if (!std::isfinite(ratio) || ratio <= 0) return "–";
  const bool more = ratio < 0.995;  // 1.00× is neither
  const double times = more ? 1 / ratio : ratio;
  char digits[64];
  std::snprintf(digits, sizeof digits, times < 9.995 ? "%.2f" : times < 99.95 ? "%.1f" : "%.0f", times);
  return digits + std::string(more ? "× more" : "×");
}

std::string format_estimate(double seconds) {
  if (!std::isfinite(seconds) || seconds >= 60) return format_duration(seconds);
  const double unit = seconds < 1e-3 ? 1e-6 : seconds < 1 ? 1e-3 : 1;
  const double value = rounded(seconds / unit, 2);
  const std::string digits = format_number(value, 12);
  return digits + (value < 10 && digits.find('.') == std::string::npos ? ".0" : "") +
         (unit == 1e-6   ? " µs"
          : unit == 1e-3 ? " ms"
                         : " s");
}

std::string format_rate(double bits_per_s, int digits) {
  const double rate = rounded(bits_per_s, digits);
  return rate < 1e9 ? format_number(rate / 1e6, 12) + " Mbit/s" : format_number(rate / 1e9, 12) + " Gbit/s";
}

}  // namespace tersegrad
