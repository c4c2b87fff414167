// From bit planes of a count to floats, and straight into the parameters.
//
// With c_j the count of coordinate j in `planes` (lowest bit first, as planes.hpp writes them), the sum is the integer
// s_j = factor·c_j + offset: factor 2, offset −N turns the number of positive votes of N agents into their sum of
// signs, factor 1, offset −N the count of count_votes_with_zeros. Planes {zero plane, sign plane} with factor 1,
// offset −1 are one agent's signs in {−1, 0, +1}; the sign plane alone with factor 2, offset −1 those in {−1, +1}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// out_j = fl(scale · s_j), one rounding: s_j is exact.
///
/// \param planes  1 to 24 planes of ⌈out.size()/8⌉ bytes
/// \param offset, factor  |factor| · 2^planes and |offset| at most 2^23, so that s_j is exact in a float
void decode_counts(std::span<const std::byte* const> planes, std::span<float> out, float scale, std::int32_t offset,
                   std::int32_t factor);

/// x_j ← fl(x_j − fl(step · fl(scale · s_j))): the bits of decode_counts into u followed by x −= step·u, in one pass.
///
/// With scale = 1 the inner rounding is none. A negative step adds: step = −a accumulates a·s_j.
void apply_counts(std::span<const std::byte* const> planes, std::span<float> x, float scale, std::int32_t offset,
                  std::int32_t factor, float step);

/// Plain loops with the same results, for tests.
namespace reference {
void decode_counts(std::span<const std::byte* const> planes, std::span<float> out, float scale, std::int32_t offset,
                   std::int32_t factor);
void apply_counts(std::span<const std::byte* const> planes, std::span<float> x, float scale, std::int32_t offset,
                  std::int32_t factor, float step);
}  // namespace reference

}  // namespace tersegrad::kernels
