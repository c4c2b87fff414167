#include "tersegrad/compress/kernels/symbol_packing.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#ifndef TERSEGRAD_COMPRESS_KERNELS_SYMBOL_PACKING_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_SYMBOL_PACKING_ONCE
namespace tersegrad::kernels {
namespace {

/// Symbols packed or unpacked together: their bits end at a byte, and at one of every pair while pairs are merged.
constexpr std::size_t run = 1024;

/// How often pairs of symbols can be merged into one of twice the bits within 16, and the bits then.
struct Merges {
  int count = 0;
  int bits;
  explicit Merges(int of_symbol) : bits(of_symbol) {
    for (; bits < 8; bits *= 2) ++count;
  }
};

/// n symbols of 8 to 16 bits, one behind the other. \returns behind the last byte written
inline std::byte* append_bits(const std::uint16_t* symbols, std::size_t n, int bits, std::byte* to) {
  std::uint64_t held = 0;
  int count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    held |= std::uint64_t{symbols[i]} << count;
    count += bits;
    if (count >= 32) {
      const auto word = static_cast<std::uint32_t>(held);
      std::memcpy(to, &word, 4);
      to += 4;
      held >>= 32;
      count -= 32;
    }
  }
  for (; count > 0; count -= 8, held >>= 8) *to++ = static_cast<std::byte>(held & 0xff);
  return to;
}

/// The inverse. \param from  three bytes behind the last may be read
inline void cut_bits(const std::byte* from, std::size_t n, int bits, std::uint16_t* symbols) {
  const auto width = static_cast<std::uint32_t>(bits), mask = (1u << width) - 1;
  for (std::uint32_t i = 0; i < n; ++i) {
    std::uint32_t word;
    std::memcpy(&word, from + i * width / 8, sizeof word);
    symbols[i] = static_cast<std::uint16_t>(word >> (i * width % 8) & mask);
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

using DI = Lanes32<std::int32_t>;
using D16 = hn::Rebind<std::uint16_t, DI>;
using D8 = hn::Rebind<std::uint8_t, DI>;

/// out_i = in_2i | in_{2i+1} << bits: pairs of symbols of at most 8 bits. \param n  of pairs; whole vectors are done
HWY_INLINE void merge_pairs(const std::uint16_t* in, std::size_t n, int bits, std::uint16_t* out) {
  const DI di;
  const hn::RebindToUnsigned<DI> du;
  const auto mask = hn::Set(du, (1u << (2 * bits)) - 1);
  for (std::size_t i = 0; i < n; i += hn::Lanes(di)) {
    const auto two = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(in + 2 * i));
    const auto one = hn::And(hn::Or(two, hn::ShiftRightSame(two, 16 - bits)), mask);
    hn::StoreU(hn::DemoteTo(D16(), hn::BitCast(di, one)), D16(), out + i);
  }
}

/// The inverse: in_i of twice the bits becomes out_2i, out_{2i+1}.
HWY_INLINE void split_pairs(const std::uint16_t* in, std::size_t n, int bits, std::uint16_t* out) {
  const hn::RebindToUnsigned<DI> du;
  const auto mask = hn::Set(du, (1u << bits) - 1);
  const auto both = hn::Or(mask, hn::ShiftLeft<16>(mask));
  for (std::size_t i = 0; i < n; i += hn::Lanes(du)) {
    const auto one = hn::PromoteTo(du, hn::LoadU(D16(), in + i));
    const auto two = hn::And(hn::Or(one, hn::ShiftLeftSame(one, 16 - bits)), both);
    hn::StoreU(two, du, reinterpret_cast<std::uint32_t*>(out + 2 * i));
  }
}

constexpr std::size_t slack = 32;  // behind a run: whole vectors of the last, shorter one

void pack(std::span<const std::uint16_t> symbols, int bits, std::span<std::byte> out) {
  const Merges merges(bits);
  alignas(64) std::array<std::uint16_t, run + slack> a;
  alignas(64) std::array<std::byte, 2 * run + 2 * slack> packed;
  for (std::size_t begin = 0; begin < symbols.size(); begin += run) {
    const std::size_t n = std::min(run, symbols.size() - begin);
    const std::uint16_t* from = symbols.data() + begin;
    std::size_t left = n;
    int width = bits;
    if (n < run || merges.count == 0) {  // with zeros behind the last
      std::memcpy(a.data(), from, 2 * n);
      std::fill(a.begin() + static_cast<std::ptrdiff_t>(n), a.end(), std::uint16_t{0});
      from = a.data();
    }
    for (int m = 0; m < merges.count; ++m, width *= 2) {
      left = (left + 1) / 2;
      merge_pairs(from, left, width, a.data());  // a result lies at or before what it comes from
      std::fill_n(a.data() + left, std::min(slack, a.size() - left), std::uint16_t{0});
      from = a.data();
    }
    const std::size_t bytes = (n * static_cast<std::size_t>(bits) + 7) / 8;
    if (width == 8) {
      for (std::size_t i = 0; i < left; i += hn::Lanes(DI())) {
        const auto wide = hn::PromoteTo(DI(), hn::LoadU(D16(), from + i));
        hn::StoreU(hn::DemoteTo(D8(), wide), D8(), reinterpret_cast<std::uint8_t*>(packed.data()) + i);
      }
    } else {
      append_bits(from, left, width, packed.data());
    }
    std::memcpy(out.data() + begin * static_cast<std::size_t>(bits) / 8, packed.data(), bytes);
  }
}

std::uint32_t unpack(std::span<const std::byte> in, int bits, std::span<std::uint16_t> symbols) {
  const DI di;
  const Merges merges(bits);
  alignas(64) std::array<std::uint16_t, run + slack> a, b;
  alignas(64) std::array<std::byte, 2 * run + 2 * slack> packed;
  auto top = hn::Zero(di);
  for (std::size_t begin = 0; begin < symbols.size(); begin += run) {
    const std::size_t n = std::min(run, symbols.size() - begin);
    const std::size_t bytes = (n * static_cast<std::size_t>(bits) + 7) / 8;
    // A copy with room behind it, so that every symbol is cut out of a whole word.
    std::memcpy(packed.data(), in.data() + begin * static_cast<std::size_t>(bits) / 8, bytes);
    std::memset(packed.data() + bytes, 0, 2 * slack);
    std::size_t left = n;
    for (int m = 0; m < merges.count; ++m) left = (left + 1) / 2;
    std::uint16_t* now = a.data();
    std::uint16_t* other = b.data();
    if (merges.bits == 8) {
      for (std::size_t i = 0; i < left; i += hn::Lanes(di)) {
        const auto wide = hn::PromoteTo(di, hn::LoadU(D8(), reinterpret_cast<const std::uint8_t*>(packed.data()) + i));
        hn::StoreU(hn::DemoteTo(D16(), wide), D16(), now + i);
      }
    } else {
      cut_bits(packed.data(), left, merges.bits, now);
    }
    int width = merges.bits;
    for (int m = merges.count; m > 0; --m) {
      width /= 2;
      const std::size_t before = left;
      left = n;
      for (int k = 1; k < m; ++k) left = (left + 1) / 2;
      split_pairs(now, before, width, other);
      std::swap(now, other);
    }
    std::size_t i = 0;
    for (; i + hn::Lanes(di) <= n; i += hn::Lanes(di)) {
      const auto symbol = hn::LoadU(D16(), now + i);
      top = hn::Max(top, hn::PromoteTo(di, symbol));
      hn::StoreU(symbol, D16(), symbols.data() + begin + i);
    }
    for (; i < n; ++i) {
      top = hn::Max(top, hn::Set(di, now[i]));
      symbols[begin + i] = now[i];
    }
  }
  return static_cast<std::uint32_t>(hn::GetLane(hn::MaxOfLanes(di, top)));
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
