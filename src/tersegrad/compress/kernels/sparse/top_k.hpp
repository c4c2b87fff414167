// Exact Top-k by magnitude.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/compress/kernels/dense/axpby.hpp"

namespace tersegrad::kernels {

/// Indices, ascending, of the k largest |x_i|.
///
/// Among equal magnitudes the lower index wins, so the set is unique. NaN counts as larger than inf (all NaN alike):
/// a gradient that is not a number is sent, not hidden.
/// A threshold guessed from a sample of x lets one pass collect little more than k candidates, among which a radix
/// selection decides; a guess that proves too high costs a second pass, never exactness.
/// \param x  [n], n < 2^32 \param k  0 ≤ k ≤ n \param sorted  receives the k indices
/// Keeps scratch memory of the calling thread between calls, about 16k bytes.
void top_k(std::span<const float> x, std::int64_t k, std::vector<std::uint32_t>& sorted);

/// top_k() of an axpby p with a memory, made on the way, and p's k values.
/// \param p  [n], receives p; may be the memory. Or empty: p is kept nowhere
/// \param values  receives p_j of the indices, in their order
void top_k(const Axpby& from, std::span<float> p, std::int64_t k, std::vector<std::uint32_t>& sorted,
           std::vector<float>& values);

/// A full sort with the same result, for tests.
namespace reference {
void top_k(std::span<const float> x, std::int64_t k, std::vector<std::uint32_t>& sorted);
}  // namespace reference

}  // namespace tersegrad::kernels
