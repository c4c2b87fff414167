// From floats to one bit a coordinate.
//
// A bit plane of n coordinates is ⌈n/8⌉ bytes: coordinate j is bit j mod 8 of byte ⌊j/8⌋, unused bits are 0.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// What the packing pass saw.
struct SignCounts {
  std::int64_t zeros = 0;      ///< coordinates that are +0 or −0
  std::int64_t nonfinite = 0;  ///< coordinates that are ±inf or NaN
  std::int64_t nan = 0;        ///< coordinates that are NaN, counted in `nonfinite` too
  bool operator==(const SignCounts&) const = default;
  SignCounts& operator+=(const SignCounts& other) {
    zeros += other.zeros;
    nonfinite += other.nonfinite;
    nan += other.nan;
    return *this;
  }
};

/// What a pass over p saw, and Σ|p_j| as sum_of_magnitudes(p) gives it.
struct SignTotals {
  SignCounts counts;
  double magnitudes = 0;
};

/// Bit j of both planes, by plain arithmetic; bits of coordinates 8i, 8i + 1, … in order.
inline SignCounts pack_sign(float v, std::size_t j, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  if (j % 8 == 0) sign_plane[j / 8] = zero_plane[j / 8] = std::byte{0};
  const auto bit = static_cast<std::byte>(1u << (j % 8));
  if (v > 0) sign_plane[j / 8] |= bit;
  if (!(v > 0) && !(v < 0)) zero_plane[j / 8] |= bit;
  return {v == 0, !std::isfinite(v), std::isnan(v)};
}

/// Signs in one pass: sign bit 1 where x > 0 (+inf too), zero bit 1 where x votes zero (±0 and NaN).
///
/// The zero plane is written always; it holds a set bit only if zeros + nan > 0.
/// \param x           [n] float32, any alignment
/// \param sign_plane  [⌈n/8⌉] \param zero_plane  [⌈n/8⌉]; neither overlaps x
/// Bits and counts are the same on every instruction set.
SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);

/// pack_signs(), and Σ|x_j| as sum_of_magnitudes() adds it up (kernels/norms.hpp).
SignTotals pack_signs_measured(std::span<const float> x, std::span<std::byte> sign_plane,
                               std::span<std::byte> zero_plane);

/// Plain loops with the same results, for tests.
namespace reference {
SignTotals pack_signs_measured(std::span<const float> x, std::span<std::byte> sign_plane,
                               std::span<std::byte> zero_plane);
SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);
}  // namespace reference

}  // namespace tersegrad::kernels
