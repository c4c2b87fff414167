// Rand-k: which k of n coordinates, drawn without replacement, and their values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad::kernels {

/// A subset of {0, …, n − 1} of exactly k elements, ascending; every one of the C(n, k) subsets is equally likely.
///
/// The 32-bit words of the stream, in order, are mapped to independent uniform coordinates (Lemire 2019: the upper
/// half of word·n; a word of the short last interval is skipped), and the set is the first k distinct ones: by
/// symmetry every set of k is equally likely. For k > n/2 it is the complement of the n − k drawn that way.
/// Expected O(k) words: 1.39 k at most.
/// \param n  0 ≤ n < 2^32 \param k  0 ≤ k ≤ n
/// \param sorted  receives the k indices
/// Keeps scratch memory of the calling thread between calls: n/8 + 5k bytes, or 4k where k is below n/256.
void draw_subset(const Stream& stream, std::int64_t n, std::int64_t k, std::vector<std::uint32_t>& sorted);

/// One such subset for each of many small problems, one behind the other: subset r lies in [r·n, (r + 1)·n), ascending.
///
/// Floyd's sampling (Bentley and Floyd 1987): exactly k numbers for a subset, each by Lemire's method from the next
/// 32-bit word of the stream. A subset costs O(k²) moves at worst: for many replicas of few coordinates.
/// \param n  ≥ 1, n·replicas < 2^32 \param k  0 ≤ k ≤ n \param sorted  receives the k·replicas indices
void draw_subsets(const Stream& stream, std::int64_t n, std::int64_t k, std::int64_t replicas,
                  std::vector<std::uint32_t>& sorted);

/// out_i = x[sorted_i − base]: the values of a bucket that begins at coordinate `base`.
/// \param sorted  indices in [base, base + x.size()) \param out  [sorted.size()]
void gather(std::span<const float> x, std::span<const std::uint32_t> sorted, std::uint32_t base, std::span<float> out);

/// out[sorted_i − base] += scale·values_i, in order (product, then sum: two roundings).
/// \param sorted  indices in [base, base + out.size()) \param values  [sorted.size()]
void scatter_add(std::span<const float> values, std::span<const std::uint32_t> sorted, std::uint32_t base, float scale,
                 std::span<float> out);

/// A plain loop with the same result, for tests.
namespace reference {
void draw_subset(const Stream& stream, std::int64_t n, std::int64_t k, std::vector<std::uint32_t>& sorted);
void draw_subsets(const Stream& stream, std::int64_t n, std::int64_t k, std::int64_t replicas,
                  std::vector<std::uint32_t>& sorted);
}  // namespace reference

}  // namespace tersegrad::kernels
