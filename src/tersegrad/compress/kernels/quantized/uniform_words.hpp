// The words of a random stream, several Philox blocks at a time: what samplers and stochastic
// rounding draw.
#pragma once

#include <cstdint>
#include <span>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad::kernels {

/// Stream::fill, the same words on every instruction set.
/// \param out words [4·first_block, 4·first_block + out.size()); any size and alignment
void fill_words(const Stream& stream, std::uint64_t first_block, std::span<std::uint32_t> out);

/// The same words as 16-bit numbers, the low half of a word first: numbers 8·first_block and on.
void fill_halfwords(const Stream& stream, std::uint64_t first_block, std::span<std::uint16_t> out);

}  // namespace tersegrad::kernels
