// Stochastic rounding of blocks to a few levels of a scale: QSGD and TernGrad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// Coordinates behind one another that share a scale.
struct ScaledPart {
  std::size_t size = 0;
  float scale = 0;  ///< at least the largest magnitude of the part; NaN or 0: every symbol is that of level 0
};

/// Symbols sign(x_j)·l_j + s: with t = fl(fl(|x_j|/scale)·s), l_j is ⌊t⌋ + 1 if the upper 31 bits of words_j are below
/// ⌊(t − ⌊t⌋)·2^31⌋, else ⌊t⌋.
/// \param parts   sizes add up to x.size() \param levels  1 ≤ s ≤ 32767
/// \param words   [x.size()] \param symbols  [x.size()], each at most 2s
void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels,
              std::span<const std::uint32_t> words, std::span<std::uint16_t> symbols);

/// Divides levels by s without dividing: fl(l/s) for every integer |l| ≤ s.
class LevelFractions {
 public:
  /// \param levels  1 ≤ s ≤ 32767
  explicit LevelFractions(std::uint32_t levels);
  std::uint32_t levels() const { return levels_; }
  /// fl(l/s) = fl(fl(l·high) + fl(l·low)) where `divides` is false, verified for every l; else it must be divided.
  float high() const { return high_; }
  float low() const { return low_; }
  bool divides() const { return divides_; }

 private:
  std::uint32_t levels_;
  float high_ = 0, low_ = 0;
  bool divides_ = false;
};

/// sum_j += scale·fl((symbols_j − s)/s), two roundings behind the fraction's: |level/s| ≤ 1, so nothing overflows.
/// \param parts  sizes add up to sum.size() \param symbols  [sum.size()]
void add_quantized(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts,
                   const LevelFractions& fractions, std::span<float> sum);

/// Plain loops with the same results, for tests.
namespace reference {
void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels,
              std::span<const std::uint32_t> words, std::span<std::uint16_t> symbols);
void add_quantized(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts,
                   const LevelFractions& fractions, std::span<float> sum);
}  // namespace reference

}  // namespace tersegrad::kernels
