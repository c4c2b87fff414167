#include "tersegrad/compress/kernels/sparse/index_packing.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace tersegrad::kernels {
namespace {

constexpr std::int64_t largest_n = std::int64_t{1} << 32;

std::int64_t list_bytes(std::int64_t n, std::int64_t k) { return (k * index_bits(n) + 7) / 8; }
std::int64_t bitmap_bytes(std::int64_t n) { return (n + 7) / 8; }
bool is_bitmap(std::int64_t n, std::int64_t k) { return bitmap_bytes(n) < list_bytes(n, k); }

/// Up to 8 bytes as a little-endian number.
std::uint64_t load(const std::byte* from, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, std::min<std::size_t>(bytes, 8));
  return word;
}

bool unpack_bitmap(std::span<const std::byte> in, std::int64_t n, std::int64_t k, std::vector<std::uint32_t>& sorted) {
  std::int64_t ones = 0;
  for (std::size_t b = 0; b < in.size(); b += 8) ones += std::popcount(load(&in[b], in.size() - b));
  if (ones != k) return false;
  std::uint32_t* to = sorted.data();
  for (std::size_t b = 0; b < in.size(); b += 8) {
    for (std::uint64_t word = load(&in[b], in.size() - b); word != 0; word &= word - 1) {
      *to++ = static_cast<std::uint32_t>(8 * b + static_cast<std::size_t>(std::countr_zero(word)));
    }
  }
  return k == 0 || sorted.back() < n;
}

bool unpack_list(std::span<const std::byte> in, std::int64_t n, std::vector<std::uint32_t>& sorted) {
  const auto width = static_cast<std::size_t>(index_bits(n));
  const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
  std::int64_t previous = -1;
  bool good = true;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::size_t bit = i * width;
    const std::uint64_t word = bit / 8 + 8 <= in.size() ? load(&in[bit / 8], 8)
                               : bit / 8 < in.size()    ? load(&in[bit / 8], in.size() - bit / 8)
                                                        : 0;
    const auto index = static_cast<std::int64_t>(word >> (bit % 8) & mask);
    good &= index > previous && index < n;
    previous = index;
    sorted[i] = static_cast<std::uint32_t>(index);
  }
  const std::size_t used = sorted.size() * width % 8;
  return good && (used == 0 || (in.back() >> used) == std::byte{0});
}

}  // namespace

int index_bits(std::int64_t n) {
  assert(n >= 0 && n <= largest_n);
  return n <= 1 ? 0 : std::bit_width(static_cast<std::uint64_t>(n - 1));
}

std::int64_t packed_index_bytes(std::int64_t n, std::int64_t k) { return std::min(list_bytes(n, k), bitmap_bytes(n)); }

void pack_indices(std::span<const std::uint32_t> sorted, std::int64_t n, std::span<std::byte> out) {
  const auto k = static_cast<std::int64_t>(sorted.size());
  assert(static_cast<std::int64_t>(out.size()) == packed_index_bytes(n, k));
  if (is_bitmap(n, k)) {
    std::fill(out.begin(), out.end(), std::byte{0});
    for (const auto index : sorted) out[index / 8] |= static_cast<std::byte>(1u << (index % 8));
    return;
  }
  const int width = index_bits(n);
  std::byte* to = out.data();
  std::uint64_t pending = 0;  // bits not yet written, fewer than 32 between two indices
  int count = 0;
  for (const auto index : sorted) {
    pending |= std::uint64_t{index} << count;
    count += width;
    if (count >= 32) {
      const auto full = static_cast<std::uint32_t>(pending);
      std::memcpy(to, &full, 4);
      to += 4;
      pending >>= 32;
      count -= 32;
    }
  }
  for (; count > 0; count -= 8, pending >>= 8) *to++ = static_cast<std::byte>(pending);
}

bool unpack_indices(std::span<const std::byte> in, std::int64_t n, std::int64_t k, std::vector<std::uint32_t>& sorted) {
  if (n < 0 || n > largest_n || k < 0 || k > n) return false;
  if (static_cast<std::int64_t>(in.size()) != packed_index_bytes(n, k)) return false;
  sorted.resize(static_cast<std::size_t>(k));
  return is_bitmap(n, k) ? unpack_bitmap(in, n, k, sorted) : unpack_list(in, n, sorted);
}

}  // namespace tersegrad::kernels
