#include "tersegrad/compress/blocks.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace tersegrad {
namespace {

constexpr std::size_t lanes = 16;

template <class F>
double sum_of(std::span<const float> x, F&& term) {
  std::array<double, lanes> sums{};
  std::size_t j = 0;
  for (; j + lanes <= x.size(); j += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) sums[l] += term(static_cast<double>(x[j + l]));
  }
  for (std::size_t l = 0; j + l < x.size(); ++l) sums[l] += term(static_cast<double>(x[j + l]));
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

}  // namespace

double sum_of_magnitudes(std::span<const float> x) {
  return sum_of(x, [](double v) { return std::abs(v); });
}

double sum_of_squares(std::span<const float> x) {
  return sum_of(x, [](double v) { return v * v; });
}

float largest_magnitude(std::span<const float> x) {
  // The bits of magnitudes order as the magnitudes do, with inf and NaN on top.
  std::int32_t largest = 0;
  for (const float v : x) largest = std::max(largest, std::bit_cast<std::int32_t>(v) & 0x7fffffff);
  if (largest >= 0x7f800000) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(largest);
}

}  // namespace tersegrad
