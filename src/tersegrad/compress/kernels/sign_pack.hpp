// From floats to one bit a coordinate.
//
// A bit plane of n coordinates is ⌈n/8⌉ bytes: coordinate j is bit j mod 8 of byte ⌊j/8⌋, unused bits are 0.
#pragma once

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

/// Signs in one pass: sign bit 1 where x > 0 (+inf too), zero bit 1 where x votes zero (±0 and NaN).
///
/// The zero plane is written always; it holds a set bit only if zeros + nan > 0.
/// \param x           [n] float32, any alignment
/// \param sign_plane  [⌈n/8⌉] \param zero_plane  [⌈n/8⌉]; neither overlaps x
/// Bits and counts are the same on every instruction set.
SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);

/// Error feedback around a scaled sign, in one pass: e = g + memory; packs sign(e); left ← e − scale·sign(e).
///
/// Two roundings a coordinate (the sum, the difference). sign(e) = 0 (e = ±0 or NaN) leaves e. What is left is finite
/// where e and scale ≥ 0 are: its magnitude is at most the larger of theirs.
/// \param left  [n] may be memory itself, and else overlaps neither it nor g
/// \returns the counts of e
SignCounts pack_signs_error_feedback(std::span<const float> g, std::span<const float> memory, float scale,
                                     std::span<float> left, std::span<std::byte> sign_plane,
                                     std::span<std::byte> zero_plane);

/// Plain loops with the same results, for tests.
namespace reference {
SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane);
SignCounts pack_signs_error_feedback(std::span<const float> g, std::span<const float> memory, float scale,
                                     std::span<float> left, std::span<std::byte> sign_plane,
                                     std::span<std::byte> zero_plane);
}  // namespace reference

}  // namespace tersegrad::kernels
