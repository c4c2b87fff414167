// Stochastic rounding of blocks to a few levels of a scale: QSGD and TernGrad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tersegrad/compress/kernels/accumulate.hpp"
#include "tersegrad/compress/kernels/coins.hpp"

namespace tersegrad::kernels {

/// Coordinates behind one another that share a scale m, as its unit u = m/s: one level.
struct ScaledPart {
  std::size_t size = 0;
  float unit = 0;  ///< s·u is at least the part's largest magnitude (but for roundings); NaN or 0: every level is 0
};

/// Units that quantize() takes, and whose levels are finite: from 2⁻¹¹⁰ to the largest that is finite times s.
/// \param scale  ≥ 0 \returns 0 for 0, NaN for NaN, else scale/levels moved into that range. A larger unit is as
/// unbiased; a smaller one cuts the few coordinates within 2⁻²² of the largest float.
float unit_of(double scale, std::uint32_t levels);

/// unit_of() the Euclidean norm, or the largest magnitude, of every `block` coordinates; the last block may be shorter.
/// NaN if a coordinate is not finite. Norms are those of fp32 sums where these are neither small nor large: any unit
/// serves, so that costs nothing but a few last digits of the variance.
/// \param block  1 to 4096 \param out  [⌈x.size()/block⌉]
void euclidean_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out);
void largest_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out);

/// Symbols sign(x_j)·l_j + s: with t = min(fl(|x_j|·fl(1/u)), s), l_j = ⌊t + u_j⌋ where u_j of [0, 1) is coin j, a
/// 48-bit number, over 2^48: l_j is ⌊t⌋ + 1 with probability t − ⌊t⌋, else ⌊t⌋.
/// \param parts  sizes add up to x.size() \param levels  1 ≤ s ≤ 32767
/// \param coins  drawn for x \param symbols  [x.size()], each at most 2s
void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint16_t> symbols);

/// Adds up u·(symbols_j − s).
/// \param parts  sizes add up to symbols.size() \param to  of as many coordinates
void add_quantized(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts, std::uint32_t levels,
                   const Accumulation& to);

/// What one agent sent of a run of coordinates.
struct QuantizedRun {
  const std::uint16_t* symbols;         ///< [n]
  std::span<const ScaledPart> parts;  ///< of the same sizes with every agent
};

/// x_j ← fl(x_j − fl(step·fl(Σ/N))), the sum of N agents' u·(symbol − s) in their order, in one pass: the bits of
/// add_quantized(). \param agents  1 ≤ N
void descend_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x);

/// Plain loops with the same results, for tests.
namespace reference {
void euclidean_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out);
void largest_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out);
void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint16_t> symbols);
void add_quantized(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts, std::uint32_t levels,
                   const Accumulation& to);
void descend_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x);
}  // namespace reference

}  // namespace tersegrad::kernels
