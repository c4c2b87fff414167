#include "tersegrad/compress/kernels/quantized/symbol_packing.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#ifndef TERSEGRAD_COMPRESS_KERNELS_SYMBOL_PACKING_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_SYMBOL_PACKING_ONCE
namespace tersegrad::kernels {
namespace {

constexpr int most_bits = 16;
constexpr std::size_t lane_count = 16, rows = symbol_group / lane_count;  // of a group

/// use(i, b, at) for every bit b of every symbol i of a group, bit `at` of its packed bytes.
template <class Use>
void for_each_bit(int bits, Use&& use) {
  for (std::size_t i = 0; i < symbol_group; ++i) {
    for (int b = 0; b < bits; ++b) {
      const std::size_t at = i / lane_count * static_cast<std::size_t>(bits) + static_cast<std::size_t>(b);
      use(i, b, (at / 32 * lane_count + i % lane_count) * 32 + at % 32);
    }
  }
}

/// A group's bits, one by one.
void pack_group(std::span<const std::uint32_t> symbols, int bits, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  for_each_bit(bits, [&](std::size_t i, int b, std::size_t at) {
    out[at / 8] |= static_cast<std::byte>((symbols[i] >> b & 1u) << (at % 8));
  });
}

std::uint32_t unpack_group(std::span<const std::byte> in, int bits, std::span<std::uint32_t> symbols) {
  std::fill(symbols.begin(), symbols.end(), 0u);
  for_each_bit(bits, [&](std::size_t i, int b, std::size_t at) {
    symbols[i] |= (std::to_integer<std::uint32_t>(in[at / 8]) >> (at % 8) & 1u) << b;
  });
  return *std::max_element(symbols.begin(), symbols.end());
}

/// Symbols one behind the other.
void pack_string(std::span<const std::uint32_t> symbols, int bits, std::span<std::byte> out) {
  std::uint64_t waiting = 0;
  int count = 0;
  auto to = out.begin();
  for (const std::uint32_t symbol : symbols) {
    waiting |= std::uint64_t{symbol} << count;
    for (count += bits; count >= 8; count -= 8, waiting >>= 8) *to++ = static_cast<std::byte>(waiting);
  }
  if (count > 0) *to = static_cast<std::byte>(waiting);
}

std::uint32_t unpack_string(std::span<const std::byte> in, int bits, std::span<std::uint32_t> symbols) {
  std::uint64_t waiting = 0;
  std::uint32_t largest = 0;
  int count = 0;
  auto from = in.begin();
  for (std::uint32_t& symbol : symbols) {
    for (; count < bits; count += 8) waiting |= std::to_integer<std::uint64_t>(*from++) << count;
    symbol = static_cast<std::uint32_t>(waiting & ((1u << bits) - 1));
    waiting >>= bits;
    count -= bits;
    largest = std::max(largest, symbol);
  }
  return largest;
}

/// The bytes of n symbols; of whole groups, without a rest.
constexpr std::size_t bytes_of(std::size_t n, int bits) { return (n * static_cast<std::size_t>(bits) + 7) / 8; }

void pack_groups_plainly(const std::uint32_t* symbols, std::size_t groups, int bits, std::byte* out) {
  const std::size_t bytes = bytes_of(symbol_group, bits);
  for (std::size_t g = 0; g < groups; ++g) {
    pack_group({symbols + g * symbol_group, symbol_group}, bits, {out + g * bytes, bytes});
  }
}

std::uint32_t unpack_groups_plainly(const std::byte* in, std::size_t groups, int bits, std::uint32_t* symbols) {
  const std::size_t bytes = bytes_of(symbol_group, bits);
  std::uint32_t largest = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::uint32_t of_group =
        unpack_group({in + g * bytes, bytes}, bits, {symbols + g * symbol_group, symbol_group});
    largest = std::max(largest, of_group);
  }
  return largest;
}

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/quantized/symbol_packing.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

void pack_groups(const std::uint32_t* symbols, std::size_t groups, int bits, std::byte* out) {
  pack_groups_plainly(symbols, groups, bits, out);
}
std::uint32_t unpack_groups(const std::byte* in, std::size_t groups, int bits, std::uint32_t* symbols) {
  return unpack_groups_plainly(in, groups, bits, symbols);
}

#else

using D = Lanes32<std::uint32_t>;
using Bytes = hn::Repartition<std::uint8_t, D>;

// Words lie at any byte of a message.
HWY_INLINE void store(hn::Vec<D> words, std::byte* to) {
  hn::StoreU(hn::BitCast(Bytes(), words), Bytes(), reinterpret_cast<std::uint8_t*>(to));
}
HWY_INLINE hn::Vec<D> load(const std::byte* from) {
  return hn::BitCast(D(), hn::LoadU(Bytes(), reinterpret_cast<const std::uint8_t*>(from)));
}

/// Where row r's bits lie in the strings of its lanes.
template <int bits, std::size_t row>
struct Row {
  static constexpr int shift = static_cast<int>(row) * bits % 32;                             ///< in its first word
  static constexpr std::size_t word = row * static_cast<std::size_t>(bits) / 32;              ///< that
  static constexpr std::size_t at = word * lane_count * sizeof(std::uint32_t);                ///< its byte
  static constexpr bool ends = shift + bits >= 32, crosses = shift + bits > 32;
};

/// Some lanes of the rows from `row` on. \param words  of the rows before, those bits that are not stored yet
template <int bits, std::size_t row>
HWY_INLINE void pack_rows(const std::uint32_t* symbols, hn::Vec<D> words, std::byte* to) {
  if constexpr (row < rows) {
    using R = Row<bits, row>;
    const auto v = hn::LoadU(D(), symbols + row * lane_count);
    words = R::shift == 0 ? v : hn::Or(words, hn::ShiftLeft<R::shift>(v));
    if constexpr (R::ends) store(words, to + R::at);
    if constexpr (R::crosses) words = hn::ShiftRight<32 - R::shift>(v);
    pack_rows<bits, row + 1>(symbols, words, to);
  }
}

/// The inverse. \param words  those that the row before ended in
template <int bits, std::size_t row>
HWY_INLINE void unpack_rows(const std::byte* from, hn::Vec<D> words, hn::Vec<D>& top, std::uint32_t* symbols) {
  if constexpr (row < rows) {
    using R = Row<bits, row>;
    if constexpr (R::shift == 0) words = load(from + R::at);
    auto v = R::shift == 0 ? words : hn::ShiftRight<R::shift>(words);
    if constexpr (R::crosses) {
      words = load(from + R::at + lane_count * sizeof(std::uint32_t));
      v = hn::Or(v, hn::ShiftLeft<32 - R::shift>(words));
    }
    v = hn::And(v, hn::Set(D(), (1u << bits) - 1));
    top = hn::Max(top, v);
    hn::StoreU(v, D(), symbols + row * lane_count);
    unpack_rows<bits, row + 1>(from, words, top, symbols);
  }
}

template <int bits>
void pack_groups_of(const std::uint32_t* symbols, std::size_t groups, std::byte* out) {
  for (std::size_t g = 0; g < groups; ++g, symbols += symbol_group, out += bytes_of(symbol_group, bits)) {
    for (std::size_t lane = 0; lane < lane_count; lane += hn::Lanes(D())) {
      pack_rows<bits, 0>(symbols + lane, hn::Zero(D()), out + lane * sizeof(std::uint32_t));
    }
  }
}

template <int bits>
std::uint32_t unpack_groups_of(const std::byte* in, std::size_t groups, std::uint32_t* symbols) {
  auto top = hn::Zero(D());
  for (std::size_t g = 0; g < groups; ++g, symbols += symbol_group, in += bytes_of(symbol_group, bits)) {
    for (std::size_t lane = 0; lane < lane_count; lane += hn::Lanes(D())) {
      unpack_rows<bits, 0>(in + lane * sizeof(std::uint32_t), hn::Zero(D()), top, symbols + lane);
    }
  }
  return hn::GetLane(hn::MaxOfLanes(D(), top));
}

/// The functions of 1 bit, 2 bits, …
template <int... bits>
constexpr auto packers(std::integer_sequence<int, bits...>) {
  return std::array{&pack_groups_of<bits + 1>...};
}
template <int... bits>
constexpr auto unpackers(std::integer_sequence<int, bits...>) {
  return std::array{&unpack_groups_of<bits + 1>...};
}
using Widths = std::make_integer_sequence<int, most_bits>;

void pack_groups(const std::uint32_t* symbols, std::size_t groups, int bits, std::byte* out) {
  static constexpr auto of_width = packers(Widths());
  of_width[static_cast<std::size_t>(bits) - 1](symbols, groups, out);
}

std::uint32_t unpack_groups(const std::byte* in, std::size_t groups, int bits, std::uint32_t* symbols) {
  static constexpr auto of_width = unpackers(Widths());
  return of_width[static_cast<std::size_t>(bits) - 1](in, groups, symbols);
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(pack_groups);
HWY_EXPORT(unpack_groups);

namespace {

/// Whole groups by one function, the rest as a string.
template <class PackGroups>
void pack_by(PackGroups&& pack, std::span<const std::uint32_t> symbols, int bits, std::span<std::byte> out) {
  assert(bits >= 1 && bits <= most_bits && out.size() == bytes_of(symbols.size(), bits));
  const std::size_t groups = symbols.size() / symbol_group, whole = groups * symbol_group;
  pack(symbols.data(), groups, bits, out.data());
  pack_string(symbols.subspan(whole), bits, out.subspan(bytes_of(whole, bits)));
}

template <class UnpackGroups>
std::uint32_t unpack_by(UnpackGroups&& unpack, std::span<const std::byte> in, int bits,
                        std::span<std::uint32_t> symbols) {
  assert(bits >= 1 && bits <= most_bits && in.size() == bytes_of(symbols.size(), bits));
  const std::size_t groups = symbols.size() / symbol_group, whole = groups * symbol_group;
  const std::uint32_t largest = unpack(in.data(), groups, bits, symbols.data());
  return std::max(largest, unpack_string(in.subspan(bytes_of(whole, bits)), bits, symbols.subspan(whole)));
}

}  // namespace

void pack_symbols(std::span<const std::uint32_t> symbols, int bits, std::span<std::byte> out) {
  pack_by(HWY_DYNAMIC_DISPATCH(pack_groups), symbols, bits, out);
}

std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint32_t> symbols) {
  return unpack_by(HWY_DYNAMIC_DISPATCH(unpack_groups), in, bits, symbols);
}

namespace reference {

void pack_symbols(std::span<const std::uint32_t> symbols, int bits, std::span<std::byte> out) {
  pack_by(pack_groups_plainly, symbols, bits, out);
}

std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint32_t> symbols) {
  return unpack_by(unpack_groups_plainly, in, bits, symbols);
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
