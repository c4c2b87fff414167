#include "tersegrad/compress/kernels/symbol_packing.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#ifndef TERSEGRAD_COMPRESS_KERNELS_SYMBOL_PACKING_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_SYMBOL_PACKING_ONCE
namespace tersegrad::kernels {
namespace {

/// Symbols packed or unpacked together: their bits end at a byte.
constexpr std::size_t run = 1024;
/// Quads of a run: four symbols in a word of 64 bits, side by side from bit 0 on; and room for a whole vector more.
constexpr std::size_t quads = run / 4 + 8;
using Quads = std::array<std::uint64_t, quads>;
using Packed = std::array<std::byte, 2 * run + 64>;  // of a run, and what whole words write or read behind it

inline std::uint64_t word_at(const std::byte* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}
inline void put_word(std::uint64_t word, std::byte* to) { std::memcpy(to, &word, sizeof word); }

/// The n quads of 4·bits bits one behind the other. A word is written whole: what it has too much the next one covers.
inline void join(const Quads& from, std::size_t n, int bits, std::byte* to) {
  const int quad = 4 * bits;
  if (bits % 2 == 0) {
    for (std::size_t i = 0; i < n; ++i, to += bits / 2) put_word(from[i], to);
    return;
  }
  for (std::size_t i = 0; i < n; i += 2, to += bits) {  // two of them end at a byte
    put_word(from[i] | from[i + 1] << quad, to);
    if (bits > 8) put_word(from[i + 1] >> (64 - quad), to + 8);
  }
}

/// The inverse. \param to  what is above a quad's bits is left there
inline void cut(const std::byte* from, std::size_t n, int bits, Quads& to) {
  const int quad = 4 * bits;
  if (bits % 2 == 0) {
    for (std::size_t i = 0; i < n; ++i, from += bits / 2) to[i] = word_at(from);
    return;
  }
  for (std::size_t i = 0; i < n; i += 2, from += bits) {
    const std::uint64_t word = word_at(from);
    to[i] = word;
    to[i + 1] = word >> quad | (bits > 8 ? word_at(from + 8) << (64 - quad) : 0);
  }
}

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/symbol_packing.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

void pack(std::span<const std::uint16_t> symbols, int bits, std::span<std::byte> out) {
  reference::pack_symbols(symbols, bits, out);
}
std::uint32_t unpack(std::span<const std::byte> in, int bits, std::span<std::uint16_t> symbols) {
  return reference::unpack_symbols(in, bits, symbols);
}

#else

using D64 = hn::CappedTag<std::uint64_t, 8>;
using D16 = hn::Repartition<std::uint16_t, D64>;
using V64 = hn::Vec<D64>;

/// Moves four symbols of a 64-bit lane from 16 bits each to `bits` each and back.
class Mover {
 public:
  explicit Mover(int bits) : one_(16 - bits), two_(32 - 2 * bits) {
    const std::uint64_t symbol = (std::uint64_t{1} << bits) - 1, pair = (std::uint64_t{1} << 2 * bits) - 1;
    even_ = symbol | symbol << 32;
    odd_ = even_ << 16;
    low_ = pair;
    high_ = pair << 32;
  }
  HWY_INLINE V64 together(V64 v) const {
    const D64 d;
    const V64 pairs = hn::Or(hn::And(v, hn::Set(d, even_)), hn::ShiftRightSame(hn::And(v, hn::Set(d, odd_)), one_));
    return hn::Or(hn::And(pairs, hn::Set(d, low_)), hn::ShiftRightSame(hn::And(pairs, hn::Set(d, high_)), two_));
  }
  HWY_INLINE V64 apart(V64 v) const {
    const D64 d;
    const V64 pairs = hn::Or(hn::And(v, hn::Set(d, low_)), hn::And(hn::ShiftLeftSame(v, two_), hn::Set(d, high_)));
    return hn::Or(hn::And(pairs, hn::Set(d, even_)), hn::And(hn::ShiftLeftSame(pairs, one_), hn::Set(d, odd_)));
  }

 private:
  int one_, two_;
  std::uint64_t even_, odd_, low_, high_;
};

/// Packs n symbols, a multiple of the 4 in each lane, whose quads are numbers of type T.
template <class T>
HWY_INLINE void pack_quads(const std::uint16_t* symbols, std::size_t n, const Mover& mover, std::byte* out) {
  const D64 d;
  const hn::Rebind<T, D64> narrow;
  const hn::Repartition<std::uint8_t, decltype(narrow)> bytes;
  for (std::size_t i = 0; i < n; i += 4 * hn::Lanes(d)) {
    const auto quad = mover.together(hn::BitCast(d, hn::LoadU(D16(), symbols + i)));
    hn::StoreU(hn::BitCast(bytes, hn::TruncateTo(narrow, quad)), bytes,
               reinterpret_cast<std::uint8_t*>(out + i / 4 * sizeof(T)));
  }
}

/// The inverse. \returns the largest symbol of each lane so far
template <class T>
HWY_INLINE hn::Vec<D16> unpack_quads(const std::byte* in, std::size_t n, const Mover& mover, hn::Vec<D16> top,
                                     std::uint16_t* symbols) {
  const D64 d;
  const hn::Rebind<T, D64> narrow;
  const hn::Repartition<std::uint8_t, decltype(narrow)> bytes;
  for (std::size_t i = 0; i < n; i += 4 * hn::Lanes(d)) {
    const auto packed =
        hn::BitCast(narrow, hn::LoadU(bytes, reinterpret_cast<const std::uint8_t*>(in + i / 4 * sizeof(T))));
    const V64 quad = hn::PromoteTo(d, hn::PromoteTo(hn::Rebind<std::uint32_t, D64>(), packed));
    const auto four = hn::BitCast(D16(), mover.apart(quad));
    top = hn::Max(top, four);
    hn::StoreU(four, D16(), symbols + i);
  }
  return top;
}

using D32 = hn::Repartition<std::uint32_t, D64>;
using Nibbles = hn::Rebind<std::uint8_t, D32>;  // a byte of two symbols for each 32-bit lane of them
using Half16 = hn::Rebind<std::uint8_t, D16>;

/// 4 and 8 bits, the usual sizes, take fewer steps than their quads do.
void pack_nibbles(const std::uint16_t* symbols, std::byte* out) {
  const D32 d;
  for (std::size_t i = 0; i < run; i += 2 * hn::Lanes(d)) {
    const auto two = hn::BitCast(d, hn::LoadU(D16(), symbols + i));
    const auto one = hn::And(hn::Or(two, hn::ShiftRight<12>(two)), hn::Set(d, 0xffu));
    hn::StoreU(hn::TruncateTo(Nibbles(), one), Nibbles(), reinterpret_cast<std::uint8_t*>(out + i / 2));
  }
}

hn::Vec<D16> unpack_nibbles(const std::byte* in, hn::Vec<D16> top, std::uint16_t* symbols) {
  const D32 d;
  for (std::size_t i = 0; i < run; i += 2 * hn::Lanes(d)) {
    const auto one = hn::PromoteTo(d, hn::LoadU(Nibbles(), reinterpret_cast<const std::uint8_t*>(in + i / 2)));
    const auto two = hn::BitCast(D16(), hn::And(hn::Or(one, hn::ShiftLeft<12>(one)), hn::Set(d, 0xf000fu)));
    top = hn::Max(top, two);
    hn::StoreU(two, D16(), symbols + i);
  }
  return top;
}

hn::Vec<D16> unpack_bytes(const std::byte* in, hn::Vec<D16> top, std::uint16_t* symbols) {
  for (std::size_t i = 0; i < run; i += hn::Lanes(D16())) {
    const auto symbol = hn::PromoteTo(D16(), hn::LoadU(Half16(), reinterpret_cast<const std::uint8_t*>(in + i)));
    top = hn::Max(top, symbol);
    hn::StoreU(symbol, D16(), symbols + i);
  }
  return top;
}

/// A whole run.
void pack_run(const std::uint16_t* symbols, int bits, const Mover& mover, std::byte* out) {
  switch (bits) {
    case 2:
      return pack_quads<std::uint8_t>(symbols, run, mover, out);
    case 4:
      return pack_nibbles(symbols, out);
    case 8:
      return pack_quads<std::uint32_t>(symbols, run, mover, out);
  }
  const D64 d;
  alignas(64) Quads merged;
  Packed packed;
  for (std::size_t i = 0; i < run; i += 4 * hn::Lanes(d)) {
    hn::Store(mover.together(hn::BitCast(d, hn::LoadU(D16(), symbols + i))), d, merged.data() + i / 4);
  }
  join(merged, run / 4, bits, packed.data());
  std::memcpy(out, packed.data(), run * static_cast<std::size_t>(bits) / 8);
}

/// \param in  of a whole run; eight bytes behind it may be read, but of symbols of 2, 4 and 8 bits
hn::Vec<D16> unpack_run(const std::byte* in, int bits, const Mover& mover, hn::Vec<D16> top, std::uint16_t* symbols) {
  switch (bits) {
    case 2:
      return unpack_quads<std::uint8_t>(in, run, mover, top, symbols);
    case 4:
      return unpack_nibbles(in, top, symbols);
    case 8:
      return unpack_bytes(in, top, symbols);
  }
  const D64 d;
  alignas(64) Quads merged;
  cut(in, run / 4, bits, merged);
  for (std::size_t i = 0; i < run; i += 4 * hn::Lanes(d)) {
    const auto four = hn::BitCast(D16(), mover.apart(hn::Load(d, merged.data() + i / 4)));
    top = hn::Max(top, four);
    hn::StoreU(four, D16(), symbols + i);
  }
  return top;
}

void pack(std::span<const std::uint16_t> symbols, int bits, std::span<std::byte> out) {
  const Mover mover(bits);
  const auto bytes = [&](std::size_t n) { return (n * static_cast<std::size_t>(bits) + 7) / 8; };
  std::size_t begin = 0;
  for (; begin + run <= symbols.size(); begin += run) pack_run(symbols.data() + begin, bits, mover, &out[bytes(begin)]);
  if (const std::size_t n = symbols.size() - begin; n > 0) {
    alignas(64) std::array<std::uint16_t, run> padded{};
    Packed packed;
    std::copy_n(symbols.data() + begin, n, padded.data());
    pack_run(padded.data(), bits, mover, packed.data());
    std::memcpy(&out[bytes(begin)], packed.data(), bytes(n));
  }
}

std::uint32_t unpack(std::span<const std::byte> in, int bits, std::span<std::uint16_t> symbols) {
  const Mover mover(bits);
  const auto bytes = [&](std::size_t n) { return (n * static_cast<std::size_t>(bits) + 7) / 8; };
  auto top = hn::Zero(D16());
  std::size_t begin = 0;
  // A run that others follow, or whose quads are loaded as what they are, is unpacked where it lies.
  const bool exact = bits == 2 || bits == 4 || bits == 8;
  for (; begin + run <= symbols.size() && (exact || bytes(begin + run) + 8 <= in.size()); begin += run) {
    top = unpack_run(&in[bytes(begin)], bits, mover, top, symbols.data() + begin);
  }
  for (std::size_t n; begin < symbols.size(); begin += n) {
    n = std::min(run, symbols.size() - begin);
    alignas(64) std::array<std::uint16_t, run> padded;
    Packed packed{};
    std::memcpy(packed.data(), &in[bytes(begin)], bytes(n));
    // What follows the last symbol in its byte is none.
    if (const std::size_t used = n * static_cast<std::size_t>(bits) % 8; used != 0) {
      packed[bytes(n) - 1] &= static_cast<std::byte>((1u << used) - 1);
    }
    top = unpack_run(packed.data(), bits, mover, top, padded.data());
    std::copy_n(padded.data(), n, symbols.data() + begin);
  }
  alignas(64) std::array<std::uint16_t, hn::MaxLanes(D16())> lanes{};
  hn::Store(top, D16(), lanes.data());
  return *std::max_element(lanes.begin(), lanes.end());
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(pack);
HWY_EXPORT(unpack);

void pack_symbols(std::span<const std::uint16_t> symbols, int bits, std::span<std::byte> out) {
  assert(bits >= 1 && bits <= 16 && out.size() == (symbols.size() * static_cast<std::size_t>(bits) + 7) / 8);
  HWY_DYNAMIC_DISPATCH(pack)(symbols, bits, out);
}

std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint16_t> symbols) {
  assert(bits >= 1 && bits <= 16 && in.size() == (symbols.size() * static_cast<std::size_t>(bits) + 7) / 8);
  return HWY_DYNAMIC_DISPATCH(unpack)(in, bits, symbols);
}

namespace reference {

void pack_symbols(std::span<const std::uint16_t> symbols, int bits, std::span<std::byte> out) {
  const auto width = static_cast<std::size_t>(bits);
  std::fill(out.begin(), out.end(), std::byte{0});
  for (std::size_t b = 0; b < symbols.size() * width; ++b) {
    if ((symbols[b / width] >> (b % width) & 1) != 0) out[b / 8] |= static_cast<std::byte>(1u << (b % 8));
  }
}

std::uint32_t unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint16_t> symbols) {
  const auto width = static_cast<std::size_t>(bits);
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    std::uint32_t symbol = 0;
    for (std::size_t b = 0; b < width; ++b) {
      const std::size_t at = i * width + b;
      symbol |= (std::to_integer<std::uint32_t>(in[at / 8]) >> (at % 8) & 1u) << b;
    }
    symbols[i] = static_cast<std::uint16_t>(symbol);
    largest = std::max(largest, symbol);
  }
  return largest;
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
