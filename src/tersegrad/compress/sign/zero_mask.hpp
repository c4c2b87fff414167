// The zero mask of a sign message, packed: zeros come in runs (dead units, constant pixels), so most words of the
// mask are all 0 or all 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tersegrad {

/// Packs a bit plane of n coordinates word by word (64 coordinates): one bit whether the word has any 1; for those
/// that have, one bit whether it is full; the words that are neither, as they are. Each of the three parts begins at
/// a byte. A plane without structure costs n/64 bits more than itself.
/// \param plane (n + 7)/8 bytes, unused bits 0  \param out overwritten
void pack_mask(std::span<const std::byte> plane, std::int64_t n, std::vector<std::byte>& out);

/// The inverse. \param plane (n + 7)/8 bytes, overwritten
/// \return false if `packed` is not what pack_mask writes for n coordinates (the length included); nothing outside
///         `plane` is ever written
bool unpack_mask(std::span<const std::byte> packed, std::int64_t n, std::span<std::byte> plane);

}  // namespace tersegrad
