// Counting votes in bit planes: N packed sign planes become the bits of their sum, without unpacking one coordinate.
//
// Planes are as in sign_pack.hpp; plane p of a count holds bit p of every coordinate's count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// Bits that hold every integer of [0, max_value]: ⌈log2(max_value + 1)⌉, and at least 1. \param max_value ≥ 0
int planes_for(std::int64_t max_value);

/// c_j = number of the N inputs whose bit j is set, modulo 2^planes; lossless with planes_for(N).
///
/// Carry-save adders on vectors: every input byte is read once, in blocks whose sums stay in the cache.
/// \param sign_planes  N ≥ 0 planes of `bytes` bytes each, any alignment
/// \param out_planes   `planes` ≥ 1 planes of `bytes` bytes, lowest bit first; no output overlaps an input
void count_votes(std::span<const std::byte* const> sign_planes, std::size_t bytes, std::byte* const* out_planes,
                 int planes);

/// v_j = Σ_i (2·sign_ij + zero_ij), modulo 2^planes: where no coordinate has both bits, v = s + N with s the sum of
/// the signs in {−1, 0, +1}. Lossless with planes_for(2N).
/// \param zero_planes  N pointers, null for an input without zeros
void count_votes_with_zeros(std::span<const std::byte* const> sign_planes,
                            std::span<const std::byte* const> zero_planes, std::size_t bytes,
                            std::byte* const* out_planes, int planes);

/// Adds one count to another in place, modulo 2^planes: what joins partial sums of groups of agents.
/// \param added_planes  ≤ `planes` planes of `bytes` bytes; may not overlap `planes`, unless equal to it plane by plane
void add_counts(std::span<const std::byte* const> added_planes, std::size_t bytes, std::byte* const* sum_planes,
                int planes);

/// Whether some coordinate's count is above `limit`, the bits past the last coordinate included: a sender's mistake, or
/// worse. Nothing is read where no count of so many planes can be.
bool any_count_above(std::span<const std::byte* const> planes, std::size_t bytes, std::uint64_t limit);

/// Which way a coordinate goes whose sum of signs is 0.
enum class Tie {
  plus,   ///< +1
  minus,  ///< −1
  zero,   ///< 0: reported in the tie plane only
  plane,  ///< as a given plane says (1 = +1), for instance a random one
};

/// Majority vote: sign bit 1 where s_j = factor·c_j + offset > 0, by a comparison in the planes.
///
/// \param planes        the count's planes, lowest bit first
/// \param offset, factor s as in apply.hpp: (−N, 2) of count_votes, (−N, 1) of count_votes_with_zeros; factor ≥ 1
/// \param tie_plane     Tie::plane: read; otherwise null
/// \param out_sign      [bytes] \param out_tie [bytes] 1 where s_j = 0, or null
/// Bits past the last coordinate stay 0 as long as N > 0 and theirs are 0 in the inputs.
void majority(std::span<const std::byte* const> planes, std::size_t bytes, std::int64_t offset, std::int64_t factor,
              Tie tie, const std::byte* tie_plane, std::byte* out_sign, std::byte* out_tie);

/// Plain loops over single bits with the same results, for tests.
namespace reference {
void count_votes(std::span<const std::byte* const> sign_planes, std::size_t bytes, std::byte* const* out_planes,
                 int planes);
void count_votes_with_zeros(std::span<const std::byte* const> sign_planes,
                            std::span<const std::byte* const> zero_planes, std::size_t bytes,
                            std::byte* const* out_planes, int planes);
void add_counts(std::span<const std::byte* const> added_planes, std::size_t bytes, std::byte* const* sum_planes,
                int planes);
bool any_count_above(std::span<const std::byte* const> planes, std::size_t bytes, std::uint64_t limit);
void majority(std::span<const std::byte* const> planes, std::size_t bytes, std::int64_t offset, std::int64_t factor,
              Tie tie, const std::byte* tie_plane, std::byte* out_sign, std::byte* out_tie);
}  // namespace reference

}  // namespace tersegrad::kernels
