// Small numbers as a string of bits: the symbols of quantised coordinates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// Symbol i in bits [i·b, (i + 1)·b) of the little-endian bit string; unused bits are 0.
/// \param symbols  each below 2^bits \param bits  1 ≤ b ≤ 16 \param out  [⌈symbols.size()·b/8⌉]
void pack_symbols(std::span<const std::uint16_t> symbols, int bits, std::span<std::byte> out);

/// The inverse. \param in  [⌈symbols.size()·b/8⌉], read no further \returns the largest symbol, 0 of none
std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint16_t> symbols);

/// Plain loops with the same results, for tests.
namespace reference {
void pack_symbols(std::span<const std::uint16_t> symbols, int bits, std::span<std::byte> out);
std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint16_t> symbols);
}  // namespace reference

}  // namespace tersegrad::kernels
