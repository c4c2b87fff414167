// Sums over 16 lanes: lane l adds every 16th term in order, then lanes are added up in pairs. The same bits whatever the
// vectors' length.
#pragma once

#include <array>
#include <cstddef>

namespace tersegrad::kernels {

inline constexpr std::size_t sum_lanes = 16;
template <class T>
using LaneSums = std::array<T, sum_lanes>;

/// The lanes in pairs a half apart, their sums in pairs, and so on: four additions wait for each other, not sixteen.
template <class T>
T total(LaneSums<T> sums) {
  for (std::size_t half = sum_lanes / 2; half > 0; half /= 2) {
    for (std::size_t l = 0; l < half; ++l) sums[l] += sums[l + half];
  }
  return sums[0];
}

}  // namespace tersegrad::kernels
