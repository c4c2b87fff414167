// A fingerprint of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tersegrad {

/// 64-bit FNV-1a over 8-byte words (and the rest byte by byte): to tell whether two replicas hold the same bits.
/// Not a checksum for storage and not against anyone who means harm.
std::uint64_t fingerprint(std::span<const std::byte> bytes);

/// 16 hexadecimal digits.
std::string hex(std::uint64_t value);

}  // namespace tersegrad
