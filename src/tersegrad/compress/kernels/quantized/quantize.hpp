// Stochastic rounding of blocks to a few levels of a scale: QSGD and TernGrad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tersegrad/compress/kernels/dense/accumulate.hpp"
#include "tersegrad/compress/kernels/quantized/coins.hpp"

namespace tersegrad::kernels {

/// Coordinates behind one another that share a scale m, as its unit u = m/s: one level.
struct ScaledPart {
  std::size_t size = 0;
  float unit = 0;  ///< s·u is at least the part's largest magnitude (but for roundings); NaN or 0: every level is 0
};

/// Symbols l_j + s: l_j = ⌊t_j + u_j⌋, with t_j = fl(x_j·fl(1/u)), no further from 0 than s, and u_j of [0, 1) coin j,
/// a 48-bit number, over 2^48. So l_j is ⌊t_j⌋ + 1 with probability t_j − ⌊t_j⌋ (rounded down to 48 bits), else ⌊t_j⌋.
/// \param parts  sizes add up to x.size() \param levels  1 ≤ s ≤ 32767
/// \param coins  drawn for x \param symbols  [x.size()], each at most 2s
void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint32_t> symbols);

/// Adds up u·(symbols_j − s).
/// \param parts  sizes add up to symbols.size() \param to  of as many coordinates
void add_quantized(std::span<const std::uint32_t> symbols, std::span<const ScaledPart> parts, std::uint32_t levels,
                   const Accumulation& to);

/// What one agent sent of a run of coordinates.
struct QuantizedRun {
  const std::uint32_t* symbols;       ///< [n]
  std::span<const ScaledPart> parts;  ///< of the same sizes with every agent
};

/// x_j ← fl(x_j − fl(step·fl(Σ/N))), the sum of N agents' u·(symbol − s) in their order, in one pass: the bits of
/// add_quantized(). \param agents  1 ≤ N
void decode_axpy_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x);

/// Plain loops with the same results, for tests.
namespace reference {
void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint32_t> symbols);
void add_quantized(std::span<const std::uint32_t> symbols, std::span<const ScaledPart> parts, std::uint32_t levels,
                   const Accumulation& to);
void decode_axpy_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x);
}  // namespace reference

}  // namespace tersegrad::kernels
