// float32 to the 16-bit formats of the wire and back, rounding to nearest, ties to even.
#pragma once

#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// IEEE binary16 bits: magnitudes from 65520 on become inf, small ones denormals or 0; NaN stays NaN (quiet, sign and
/// leading payload bits kept, as the processors' own conversion does). \param out  [x.size()]
void to_half(std::span<const float> x, std::span<std::uint16_t> out);
/// Exact; NaN becomes quiet. \param out  [bits.size()]
void from_half(std::span<const std::uint16_t> bits, std::span<float> out);

/// bfloat16 bits, the upper half of a float32: magnitudes that round past its largest become inf; NaN stays NaN.
void to_bfloat16(std::span<const float> x, std::span<std::uint16_t> out);
/// Exact, every bit pattern kept.
void from_bfloat16(std::span<const std::uint16_t> bits, std::span<float> out);

/// Plain loops with the same results, for tests.
namespace reference {
void to_half(std::span<const float> x, std::span<std::uint16_t> out);
void from_half(std::span<const std::uint16_t> bits, std::span<float> out);
void to_bfloat16(std::span<const float> x, std::span<std::uint16_t> out);
void from_bfloat16(std::span<const std::uint16_t> bits, std::span<float> out);
}  // namespace reference

}  // namespace tersegrad::kernels
