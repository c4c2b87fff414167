// Orthonormal columns by the modified Gram–Schmidt process.
#pragma once

#include <cstddef>
#include <span>

namespace tersegrad::kernels {

/// Makes the columns orthonormal, the k-th from the first k: each is divided by its length, and what lies along it is taken from
/// those after it. All in double (sums over 16 lanes, lane_sums.hpp), rounded to float at the end: columns that are parallel but
/// for float32's round-off still come out orthogonal.
///
/// No length is padded with an epsilon, which would shrink small columns. Instead a column of zeros stays so, and so becomes one
/// of which at most 2^-30 is left once the earlier ones are taken from it; one with a value that is not finite becomes NaN, and
/// with it those after it.
/// \param columns  [length × rank], one column after the other \param rank  ≥ 1
void orthonormalize(std::span<float> columns, std::size_t rank);

}  // namespace tersegrad::kernels
