// What a block's levels are: its scale, the norm or the largest magnitude, over their number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

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

/// Plain loops with the same results, for tests.
namespace reference {
void euclidean_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out);
void largest_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out);
}  // namespace reference

}  // namespace tersegrad::kernels
