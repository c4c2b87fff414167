#include "tersegrad/compress/zero_mask.hpp"

#include <algorithm>
#include <cstring>

namespace tersegrad {
namespace {

std::uint64_t load_word(std::span<const std::byte> plane, std::size_t word) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, plane.data() + 8 * word, std::min<std::size_t>(8, plane.size() - 8 * word));
  return bits;
}

/// The bits of a word that stand for coordinates: all but in the last word.
std::uint64_t full_word(std::int64_t n, std::size_t word) {
  const auto left = static_cast<std::uint64_t>(n) - 64 * word;
  return left >= 64 ? ~0ull : (1ull << left) - 1;
}

bool bit(std::span<const std::byte> bits, std::size_t i) {
  return (std::to_integer<unsigned>(bits[i / 8]) >> (i % 8) & 1u) != 0;
}

void set_bit(std::byte* bits, std::size_t i) { bits[i / 8] |= static_cast<std::byte>(1u << (i % 8)); }

std::size_t bytes_for(std::size_t bits) { return (bits + 7) / 8; }

}  // namespace

void pack_mask(std::span<const std::byte> plane, std::int64_t n, std::vector<std::byte>& out) {
  const auto words = static_cast<std::size_t>((n + 63) / 64);
  out.assign(bytes_for(words), std::byte{0});
  std::size_t present = 0, mixed = 0;
  for (std::size_t w = 0; w < words; ++w) {
    const std::uint64_t bits = load_word(plane, w);
    if (bits == 0) continue;
    set_bit(out.data(), w);
    ++present;
    mixed += bits != full_word(n, w);
  }
  const std::size_t full_at = out.size(), words_at = full_at + bytes_for(present);
  out.resize(words_at + 8 * mixed, std::byte{0});
  std::size_t next_present = 0, next_mixed = 0;
  for (std::size_t w = 0; w < words; ++w) {
    const std::uint64_t bits = load_word(plane, w);
    if (bits == 0) continue;
    if (bits == full_word(n, w)) {
      set_bit(out.data() + full_at, next_present);
    } else {
      std::memcpy(out.data() + words_at + 8 * next_mixed++, &bits, 8);
    }
    ++next_present;
  }
}

bool unpack_mask(std::span<const std::byte> packed, std::int64_t n, std::span<std::byte> plane) {
  const auto words = static_cast<std::size_t>((n + 63) / 64);
  if (plane.size() != bytes_for(static_cast<std::size_t>(n)) || packed.size() < bytes_for(words)) return false;
  std::size_t present = 0;
  for (std::size_t w = 0; w < words; ++w) present += bit(packed, w);
  const auto full = packed.subspan(bytes_for(words));
  if (full.size() < bytes_for(present)) return false;
  std::size_t mixed = 0;
  for (std::size_t p = 0; p < present; ++p) mixed += !bit(full, p);
  const auto raw = full.subspan(bytes_for(present));
  if (raw.size() != 8 * mixed) return false;
  std::size_t next_present = 0, next_mixed = 0;
  for (std::size_t w = 0; w < words; ++w) {
    std::uint64_t bits = 0;
    if (bit(packed, w)) {
      if (bit(full, next_present++)) {
        bits = full_word(n, w);
      } else {
        std::memcpy(&bits, raw.data() + 8 * next_mixed++, 8);
        if ((bits & ~full_word(n, w)) != 0) return false;
      }
    }
    std::memcpy(plane.data() + 8 * w, &bits, std::min<std::size_t>(8, plane.size() - 8 * w));
  }
  return true;
}

}  // namespace tersegrad
