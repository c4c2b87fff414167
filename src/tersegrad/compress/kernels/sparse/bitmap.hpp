// Bitmaps of 64-bit words: which bits are set, as a list.
#pragma once

#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// Writes the ascending positions of the set bits (bit i of words[w] is position 64·w + i).
///
/// \param flip  all ones lists the clear bits instead, 0 the set ones
/// \param out   room for the number of bits listed and 2 more: those may be overwritten
/// \returns the end of the list. \pre fewer than 2^32 bits
std::uint32_t* list_bits(std::span<const std::uint64_t> words, std::uint64_t flip, std::uint32_t* out);

}  // namespace tersegrad::kernels
