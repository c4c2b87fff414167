// Small numbers in as few bits: the symbols of quantised coordinates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// Symbols packed together, lane beside lane, so that a vector shifts 16 of them into place at once. Symbol 16·r + l of
/// a group is number r of lane l. The 32 symbols of a lane are a string of 32·b bits, number r in bits [r·b, r·b + b);
/// its word w of 32 bits is the group's word 16·w + l (little-endian).
inline constexpr std::size_t symbol_group = 512;

/// Whole groups one behind the other; what is left over is one string of bits, symbol i in bits [i·b, i·b + b), unused
/// bits 0. So a stretch that begins at a multiple of symbol_group, and ends at one or with the last symbol, lies where its
/// coordinates say: b/8 bytes each.
/// \param symbols  each below 2^bits \param bits  1 ≤ b ≤ 16 \param out  [⌈symbols.size()·b/8⌉]
void pack_symbols(std::span<const std::uint32_t> symbols, int bits, std::span<std::byte> out);

/// The inverse. \param in  [⌈symbols.size()·b/8⌉], read no further \returns the largest symbol, 0 of none
std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint32_t> symbols);

/// Plain loops with the same results, for tests.
namespace reference {
void pack_symbols(std::span<const std::uint32_t> symbols, int bits, std::span<std::byte> out);
std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint32_t> symbols);
}  // namespace reference

}  // namespace tersegrad::kernels
