// Stochastic rounding to powers of two: exponents as bytes, signs as a bit plane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tersegrad/compress/kernels/dense/accumulate.hpp"
#include "tersegrad/compress/kernels/quantized/coins.hpp"

namespace tersegrad::kernels {

/// The exponent of |x_j| after the upper 23 bits of coin j are added to its mantissa, and its sign.
///
/// ±0 and what rounds to 0 have sign bit 0; inf keeps exponent 255 and its sign; NaN is exponent 0 with sign bit 1.
/// \param x  [n] \param coins  drawn for them \param exponents  [n] \param signs  [⌈n/8⌉], bit planes as in sign_pack.hpp
/// \returns how many are NaN, inf or rounded to inf
std::int64_t round_to_powers(std::span<const float> x, const Coins& coins, std::span<std::byte> exponents,
                             std::span<std::byte> signs);

/// Adds up ±2^(exponent_j − 127); exponent 0 is 0, or NaN under sign bit 1; exponent 255 is ±inf.
/// \param exponents  [n] \param signs  [⌈n/8⌉] \param to  of n coordinates; overlaps neither
void add_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, const Accumulation& to);

/// What one agent sent, as round_to_powers() left it.
struct Powers {
  const std::byte* exponents;  ///< [n]
  const std::byte* signs;      ///< [⌈n/8⌉]
};

/// x_j ← fl(x_j − fl(step·fl(Σ/N))), the sum of N agents' powers in their order, in one pass: the bits of add_powers().
/// \param agents  1 ≤ N
void decode_axpy_powers(std::span<const Powers> agents, float step, std::span<float> x);

/// Plain loops with the same results, for tests.
namespace reference {
std::int64_t round_to_powers(std::span<const float> x, const Coins& coins, std::span<std::byte> exponents,
                             std::span<std::byte> signs);
void add_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, const Accumulation& to);
void decode_axpy_powers(std::span<const Powers> agents, float step, std::span<float> x);
}  // namespace reference

}  // namespace tersegrad::kernels
