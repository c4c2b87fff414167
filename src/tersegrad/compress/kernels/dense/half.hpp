// float32 to the 16-bit formats of the wire and back, rounding to nearest, ties to even.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

// Packed values lie at any byte, two bytes each, little-endian.

/// IEEE binary16: magnitudes from 65520 on become inf, small ones denormals or 0; NaN stays NaN (quiet, sign and
/// leading payload bits kept, as the processors' own conversion does).
/// \param out  [2·x.size()] \returns how many became, or were, inf or NaN
std::int64_t to_half(std::span<const float> x, std::span<std::byte> out);
/// Exact; NaN becomes quiet. \param in  [2·out.size()]
void from_half(std::span<const std::byte> in, std::span<float> out);
/// x_j ← fl(x_j − fl(step·v_j)) with v = from_half(in), in one pass. \param in  [2·x.size()]
void decode_axpy_half(std::span<const std::byte> in, float step, std::span<float> x);

/// bfloat16, the upper half of a float32: magnitudes that round past its largest become inf; NaN stays NaN.
std::int64_t to_bfloat16(std::span<const float> x, std::span<std::byte> out);
/// Exact, every bit pattern kept.
void from_bfloat16(std::span<const std::byte> in, std::span<float> out);
void decode_axpy_bfloat16(std::span<const std::byte> in, float step, std::span<float> x);

/// fp32 itself: a copy. \param out  [4·x.size()] \returns how many are inf or NaN
std::int64_t copy_and_count(std::span<const float> x, std::span<std::byte> out);
void decode_axpy_floats(std::span<const std::byte> in, float step, std::span<float> x);

/// How many of x are NaN or of a magnitude above `limit`. \param limit  ≥ 0, finite
std::int64_t count_beyond(std::span<const float> x, float limit);

/// The largest float32 that stays finite, rounded to nearest even: what lies half a step above a format's largest number
/// is a tie, and goes to inf, the even one.
inline constexpr std::uint32_t largest_half = 0x477fefffu, largest_bfloat16 = 0x7f7f7fffu;

/// One value, by plain arithmetic: the same results.
namespace reference {
std::uint16_t to_half(float x);
float from_half(std::uint16_t bits);
std::uint16_t to_bfloat16(float x);
float from_bfloat16(std::uint16_t bits);
}  // namespace reference

}  // namespace tersegrad::kernels
