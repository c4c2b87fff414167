#include "tersegrad/core/kernels/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

// Without the two inversions a CRC is linear: of bytes behind one another it is the xor of what each part gives alone,
// where the parts in front are first carried over the zeros that stand for the parts behind them.
namespace tersegrad::kernels {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // 0x1EDC6F41, its bits reversed

/// table[0][b]: the remainder of byte b; table[j][b]: of byte b and j zero bytes behind it.
constexpr auto tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> table{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t remainder = b;
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ (remainder & 1 ? polynomial : 0);
    table[0][b] = remainder;
  }
  for (std::size_t j = 1; j < table.size(); ++j) {
    for (std::size_t b = 0; b < 256; ++b) table[j][b] = table[j - 1][b] >> 8 ^ table[0][table[j - 1][b] & 0xff];
  }
  return table;
}();

std::uint64_t load(const std::byte* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

}  // namespace

namespace reference {

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const std::uint64_t word = load(&bytes[i]) ^ crc;
    crc = 0;
    for (std::size_t j = 0; j < 8; ++j) crc ^= tables[7 - j][word >> (8 * j) & 0xff];
  }
  for (; i < bytes.size(); ++i) crc = crc >> 8 ^ tables[0][(crc ^ std::to_integer<std::uint32_t>(bytes[i])) & 0xff];
  return ~crc;
}

}  // namespace reference

#if defined(__x86_64__)
namespace {

/// Carries a remainder over `bytes` zero bytes, one table look-up for each of its four bytes.
class Shift {
 public:
  constexpr explicit Shift(std::size_t bytes) : table_{} {
    // Where each bit goes alone; a byte is the xor of its bits.
    std::array<std::uint32_t, 32> bit{};
    for (std::size_t b = 0; b < 32; ++b) {
      std::uint32_t crc = 1u << b;
      for (std::size_t i = 0; i < bytes; ++i) crc = crc >> 8 ^ tables[0][crc & 0xff];
      bit[b] = crc;
    }
    for (std::size_t part = 0; part < 4; ++part) {
      for (std::size_t b = 0; b < 256; ++b) {
        for (std::size_t i = 0; i < 8; ++i) table_[part][b] ^= b >> i & 1 ? bit[8 * part + i] : 0;
      }
    }
  }
  std::uint32_t operator()(std::uint32_t crc) const {
    return table_[0][crc & 0xff] ^ table_[1][crc >> 8 & 0xff] ^ table_[2][crc >> 16 & 0xff] ^ table_[3][crc >> 24];
  }

 private:
  std::array<std::array<std::uint32_t, 256>, 4> table_;
};

__attribute__((target("sse4.2"))) inline std::uint64_t step(std::uint64_t crc, const std::byte* from) {
  return _mm_crc32_u64(crc, load(from));
}

/// Three neighbouring runs of `run` bytes at a time, as long as there are such. \return where it ended
template <std::size_t run>
__attribute__((target("sse4.2"))) std::size_t three_at_once(std::span<const std::byte> bytes, std::size_t i,
                                                            std::uint64_t& crc, const Shift& shift) {
  for (; i + 3 * run <= bytes.size(); i += 3 * run) {
    const std::byte* from = bytes.data() + i;
    std::uint64_t second = 0, third = 0;
    for (std::size_t j = 0; j < run; j += 8) {
      crc = step(crc, from + j);
      second = step(second, from + run + j);
      third = step(third, from + 2 * run + j);
    }
    crc = shift(static_cast<std::uint32_t>(crc)) ^ second;
    crc = shift(static_cast<std::uint32_t>(crc)) ^ third;
  }
  return i;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::span<const std::byte> bytes, std::uint32_t before) {
  // Long runs for what they carry over costs little; short ones for messages of a few hundred bytes.
  constexpr std::size_t longer = 4096, shorter = 128;
  static const Shift over_longer(longer), over_shorter(shorter);
  std::uint64_t crc = ~before;
  std::size_t i = three_at_once<longer>(bytes, 0, crc, over_longer);
  i = three_at_once<shorter>(bytes, i, crc, over_shorter);
  for (; i + 8 <= bytes.size(); i += 8) crc = step(crc, &bytes[i]);
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; i < bytes.size(); ++i) narrow = _mm_crc32_u8(narrow, std::to_integer<unsigned char>(bytes[i]));
  return ~narrow;
}

}  // namespace

bool has_crc32c_instruction() {
  static const bool has = __builtin_cpu_supports("sse4.2");
  return has;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  return has_crc32c_instruction() ? by_instruction(bytes, before) : reference::crc32c(bytes, before);
}
#else
bool has_crc32c_instruction() { return false; }
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  return reference::crc32c(bytes, before);
}
#endif

}  // namespace tersegrad::kernels
