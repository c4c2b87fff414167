#include "tersegrad/compress/sign/zero_mask.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tersegrad {
namespace {

std::uint64_t load_word(std::span<const std::byte> plane, std::size_t word) {
  std::uint64_t bits = 0;
  const std::size_t left = plane.size() - 8 * word;
  if (left >= 8) {
    std::memcpy(&bits, plane.data() + 8 * word, 8);  // of a length the compiler knows: one load
  } else {
    std::memcpy(&bits, plane.data() + 8 * word, left);
  }
  return bits;
}

/// The bits of a word that stand for coordinates: all but in the last word.
std::uint64_t full_word(std::int64_t n, std::size_t word) {
  const auto left = static_cast<std::uint64_t>(n) - 64 * word;
  return left >= 64 ? ~0ull : (1ull << left) - 1;
}

std::size_t bytes_for(std::size_t bits) { return (bits + 7) / 8; }

/// Writes bits one behind the other, without a branch on them.
class BitWriter {
 public:
  explicit BitWriter(std::byte* to) : to_(to) {}
  /// Appends `bit` and moves on by `step`, 0 or 1: what is not kept is overwritten. \param bit  0 or 1
  void put(std::uint64_t bit, std::uint64_t step) {
    held_ = (held_ & ~(std::uint64_t{1} << used_)) | bit << used_;
    used_ += step;
    if (used_ == 64) flush();
  }
  void end() {
    held_ &= (std::uint64_t{1} << used_) - 1;
    std::memcpy(to_, &held_, bytes_for(used_));
  }

 private:
  void flush() {
    std::memcpy(to_, &held_, 8);
    to_ += 8;
    held_ = used_ = 0;
  }
  std::byte* to_;
  std::uint64_t held_ = 0, used_ = 0;
};

std::size_t count_bits(std::span<const std::byte> bits, std::size_t n) {
  std::size_t count = 0;
  for (std::size_t w = 0; 64 * w < n; ++w) {
    count += static_cast<std::size_t>(std::popcount(load_word(bits, w) & full_word(static_cast<std::int64_t>(n), w)));
  }
  return count;
}

}  // namespace

void pack_mask(std::span<const std::byte> plane, std::int64_t n, std::vector<std::byte>& out) {
  const auto words = static_cast<std::size_t>((n + 63) / 64);
  const std::size_t full_at = bytes_for(words);
  out.resize(full_at);
  BitWriter present_bits(out.data());
  std::size_t present = 0;
  for (std::size_t w = 0; w < words; ++w) {
    const bool some = load_word(plane, w) != 0;
    present_bits.put(some, 1);
    present += some;
  }
  present_bits.end();
  const std::size_t words_at = full_at + bytes_for(present);
  out.resize(words_at + 8 * present + 8);  // as if all were mixed, and one that is not kept
  BitWriter full_bits(out.data() + full_at);
  std::byte* to = out.data() + words_at;
  for (std::size_t w = 0; w < words; ++w) {
    const std::uint64_t bits = load_word(plane, w);
    const bool some = bits != 0, full = some && bits == full_word(n, w);
    full_bits.put(full, some);
    std::memcpy(to, &bits, 8);
    to += some && !full ? 8 : 0;
  }
  full_bits.end();
  out.resize(static_cast<std::size_t>(to - out.data()));
}

bool unpack_mask(std::span<const std::byte> packed, std::int64_t n, std::span<std::byte> plane) {
  const auto words = static_cast<std::size_t>((n + 63) / 64);
  if (plane.size() != bytes_for(static_cast<std::size_t>(n)) || packed.size() < bytes_for(words)) return false;
  const auto present_bits = packed.first(bytes_for(words)), rest = packed.subspan(bytes_for(words));
  const std::size_t present = count_bits(present_bits, words);
  if (rest.size() < bytes_for(present)) return false;
  const auto full_bits = rest.first(bytes_for(present)), mixed = rest.subspan(bytes_for(present));
  if (mixed.size() != 8 * (present - count_bits(full_bits, present))) return false;
  std::fill(plane.begin(), plane.end(), std::byte{0});
  const std::byte* from = mixed.data();
  std::size_t next = 0;  // of those present
  for (std::size_t p = 0; 64 * p < words; ++p) {
    const std::uint64_t here = load_word(present_bits, p) & full_word(static_cast<std::int64_t>(words), p);
    for (std::uint64_t left = here; left != 0; left &= left - 1, ++next) {
      const std::size_t w = 64 * p + static_cast<std::size_t>(std::countr_zero(left));
      const std::uint64_t all = full_word(n, w);
      std::uint64_t bits = all;
      if ((std::to_integer<unsigned>(full_bits[next / 8]) >> (next % 8) & 1u) == 0) {
        std::memcpy(&bits, from, 8);
        from += 8;
        if ((bits & ~all) != 0) return false;
      }
      if (const std::size_t room = plane.size() - 8 * w; room >= 8) {
        std::memcpy(plane.data() + 8 * w, &bits, 8);
      } else {
        std::memcpy(plane.data() + 8 * w, &bits, room);
      }
    }
  }
  return true;
}

}  // namespace tersegrad
