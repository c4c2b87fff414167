// Ascending index sets on the wire: ⌈log2 n⌉ bits an index or a bitmap of n bits, whichever is smaller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tersegrad::kernels {

/// Bits of one index below n: ⌈log2 n⌉ (0 for n ≤ 1). \param n  0 ≤ n ≤ 2^32
int index_bits(std::int64_t n);

/// Bytes of k indices below n: min(⌈k·⌈log2 n⌉/8⌉, ⌈n/8⌉). Which of the two it is follows from n and k; the bitmap only
/// if it is smaller.
std::int64_t packed_index_bytes(std::int64_t n, std::int64_t k);

/// Packs ascending indices: index i in bits [i·b, (i+1)·b) of the little-endian bit string, b = index_bits(n), or as
/// set bits of a bit plane. Unused bits are 0.
/// \param sorted  strictly ascending, below n \param out  [packed_index_bytes(n, sorted.size())]
void pack_indices(std::span<const std::uint32_t> sorted, std::int64_t n, std::span<std::byte> out);

/// Unpacks k indices below n. The input is not trusted.
/// \param sorted  receives the k indices; unspecified on failure
/// \returns false unless 0 ≤ k ≤ n ≤ 2^32, `in` has exactly packed_index_bytes(n, k) bytes, and these are what
///          pack_indices writes: strictly ascending indices below n, exactly k of them, unused bits 0
[[nodiscard]] bool unpack_indices(std::span<const std::byte> in, std::int64_t n, std::int64_t k,
                                  std::vector<std::uint32_t>& sorted);

}  // namespace tersegrad::kernels
