#include "tersegrad/compress/kernels/quantized/natural.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

#include "tersegrad/core/kernels/prefetch.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_NATURAL_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_NATURAL_ONCE
namespace tersegrad::kernels {
namespace {

/// The exponent of a finite magnitude's bits once coin j is added to its mantissa, all 23 bits of it.
inline std::uint32_t rounded_exponent(std::uint32_t magnitude, const Coins& coins, std::size_t j) {
  const std::uint32_t leading = std::uint32_t{coins.leading()[j]} << 7;
  const bool undecided = ((magnitude + leading) & 0x7fff80u) == 0x7fff80u;  // the last 7 bits may carry through
  return (magnitude + (leading | (undecided ? coins.trailing(j) >> 25 : 0u))) >> 23;
}

/// round_to_powers() of the coordinates [begin, end). \param begin a multiple of 8
inline std::int64_t rest_to_powers(std::size_t begin, std::size_t end, std::span<const float> x, const Coins& coins,
                                   std::span<std::byte> exponents, std::span<std::byte> signs) {
  std::int64_t nonfinite = 0;
  for (std::size_t j = begin; j < end; ++j) {
    const auto bits = std::bit_cast<std::uint32_t>(x[j]);
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    const bool finite = magnitude < 0x7f800000u, nan = magnitude > 0x7f800000u;
    const std::uint32_t rounded = nan ? 0 : finite ? rounded_exponent(magnitude, coins, j) : 255;
    const std::uint32_t sign = nan ? 1 : rounded == 0 ? 0 : bits >> 31;
    exponents[j] = static_cast<std::byte>(rounded);
    if (j % 8 == 0) signs[j / 8] = std::byte{0};
    signs[j / 8] |= static_cast<std::byte>(sign << (j % 8));
    nonfinite += nan || rounded == 255;
  }
  return nonfinite;
}

/// The value of coordinate j; “−0” is NaN.
inline float power_at(const Powers& powers, std::size_t j) {
  const std::uint32_t sign = std::to_integer<std::uint32_t>(powers.signs[j / 8]) >> (j % 8) & 1u;
  const std::uint32_t bits = sign << 31 | std::to_integer<std::uint32_t>(powers.exponents[j]) << 23;
  return std::bit_cast<float>(bits == 0x80000000u ? 0x7fc00000u : bits);
}

/// decode_axpy_powers() of the coordinates [begin, end).
inline void decode_axpy_rest(std::size_t begin, std::size_t end, std::span<const Powers> agents, float step,
                         std::span<float> x) {
  for (std::size_t j = begin; j < end; ++j) {
    float sum = 0;
    for (const auto& agent : agents) sum += power_at(agent, j);
    x[j] = x[j] - step * (sum / static_cast<float>(agents.size()));
  }
}

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/quantized/natural.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/dense/accumulate-inl.hpp"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

constexpr std::size_t word = 64;  // coordinates of one stored word of signs

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // sums are kept in an array

std::int64_t to_powers(std::span<const float>, const Coins&, std::span<std::byte>, std::span<std::byte>) { return 0; }
void from_powers(std::span<const std::byte>, std::span<const std::byte>, const Accumulation&) {}
void decode_axpy_words(std::span<const Powers>, float, std::span<float>) {}
std::size_t whole(std::size_t) { return 0; }

#else

using DI = Lanes32<std::int32_t>;
using DF = hn::RebindToFloat<DI>;
using D16 = hn::Rebind<std::uint16_t, DI>;
using D8 = hn::Rebind<std::uint8_t, DI>;

std::size_t whole(std::size_t n) { return n / word * word; }

/// Whole words of x.
std::int64_t to_powers(std::span<const float> x, const Coins& coins, std::span<std::byte> exponents,
                       std::span<std::byte> signs) {
  const DI di;
  const auto unsure = hn::Set(di, 0x7fff80), clear = hn::Set(di, 0x7fffffff);
  const std::uint16_t* const leading = coins.leading().data();
  std::int64_t nonfinite = 0;
  for (std::size_t j = 0; j < whole(x.size()); j += word) {
    std::uint64_t negative = 0;
    auto undecided = hn::MaskFromVec(hn::Zero(di));
    auto top = hn::Zero(di);
    for (std::size_t i = 0; i < word; i += hn::Lanes(di)) {
      const auto bits = hn::BitCast(di, hn::LoadU(DF(), x.data() + j + i));
      const auto magnitude = hn::And(bits, clear);
      top = hn::Max(top, magnitude);
      const auto coin = hn::ShiftLeft<7>(hn::PromoteTo(di, hn::LoadU(D16(), leading + j + i)));
      const auto sum = hn::Add(magnitude, coin);
      undecided = hn::Or(undecided, hn::Eq(hn::And(sum, unsure), unsure));
      const auto rounded = hn::ShiftRight<23>(sum);
      negative |= mask_bits(di, hn::And(hn::Lt(bits, hn::Zero(di)), hn::Gt(rounded, hn::Zero(di)))) << i;
      hn::StoreU(hn::DemoteTo(D8(), rounded), D8(), reinterpret_cast<std::uint8_t*>(exponents.data() + j + i));
    }
    store_word(signs.data() + j / 8, negative);
    // Seldom: a coordinate that is not finite, or may not be once it is rounded, or whose rounding is open.
    const auto high = hn::Gt(top, hn::Set(di, 0x7effffff));
    if (HWY_UNLIKELY(!hn::AllFalse(di, hn::Or(high, undecided)))) {
      nonfinite += rest_to_powers(j, j + word, x, coins, exponents, signs);
    }
  }
  return nonfinite;
}

void from_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, const Accumulation& to) {
  const DI di;
  const auto minus_zero = hn::Set(di, static_cast<std::int32_t>(0x80000000u)), nan = hn::Set(di, 0x7fc00000);
  const std::size_t lanes = hn::Lanes(di);
  with_sink(to, [&](auto sink) HWY_ATTR {
    for (std::size_t j = 0; j < whole(exponents.size()); j += word) {
      // Behind the last of fewer than eight lanes the bits of later ones are loaded too: bytes are shared then.
      std::uint64_t bits = load_word(signs.data() + j / 8);
      for (std::size_t i = 0; i < word; i += lanes, bits >>= lanes) {
        const auto negative = mask_of(di, bits);
        const auto exponent =
            hn::PromoteTo(di, hn::LoadU(D8(), reinterpret_cast<const std::uint8_t*>(exponents.data() + j + i)));
        auto value = hn::Or(hn::ShiftLeft<23>(exponent), hn::IfThenElseZero(negative, minus_zero));
        value = hn::IfThenElse(hn::Eq(value, minus_zero), nan, value);
        sink(j + i, hn::BitCast(DF(), value));
      }
    }
  });
}

template <bool exact>
HWY_INLINE void decode_axpy_words_of(std::span<const Powers> agents, float step, std::span<float> x) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const MeanStep<exact> update(agents.size(), step);
  constexpr std::size_t vectors = 4;  // sums held in registers
  for (std::size_t j = 0; j < whole(x.size()); j += word) {
    prefetch_ahead(x.data() + j);
    for (std::size_t i = 0; i < word; i += vectors * lanes) {
      hn::Vec<DF> sums[vectors];
      for (auto& sum : sums) sum = hn::Zero(df);
      auto nan = hn::MaskFromVec(hn::Zero(di));
      for (const auto& agent : agents) {
        const std::uint64_t signs = load_word(agent.signs + j / 8) >> i;
        const auto* const exponents = reinterpret_cast<const std::uint8_t*>(agent.exponents + j + i);
        for (std::size_t v = 0; v < vectors; ++v) {
          const auto negative = mask_of(di, signs >> v * lanes);
          const auto exponent = hn::PromoteTo(di, hn::LoadU(D8(), exponents + v * lanes));
          nan = hn::Or(nan, hn::And(negative, hn::Eq(exponent, hn::Zero(di))));
          const auto sign = hn::IfThenElseZero(negative, hn::Set(di, static_cast<std::int32_t>(0x80000000u)));
          sums[v] = hn::Add(sums[v], hn::BitCast(df, hn::Or(hn::ShiftLeft<23>(exponent), sign)));
        }
      }
      if (HWY_UNLIKELY(!hn::AllFalse(di, nan))) {
        decode_axpy_rest(j + i, j + i + vectors * lanes, agents, step, x);
        continue;
      }
      for (std::size_t v = 0; v < vectors; ++v) update(sums[v], x.data() + j + i + v * lanes);
    }
  }
}

void decode_axpy_words(std::span<const Powers> agents, float step, std::span<float> x) {
  std::has_single_bit(agents.size()) ? decode_axpy_words_of<true>(agents, step, x)
                                     : decode_axpy_words_of<false>(agents, step, x);
}

#endif

std::size_t whole_words(std::size_t n) { return whole(n); }

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(to_powers);
HWY_EXPORT(from_powers);
HWY_EXPORT(decode_axpy_words);
HWY_EXPORT(whole_words);

namespace {

void add_rest(std::size_t done, std::span<const std::byte> exponents, std::span<const std::byte> signs,
              const Accumulation& to) {
  const Powers powers{exponents.data(), signs.data()};
  for (std::size_t j = done; j < exponents.size(); ++j) to.take(j, power_at(powers, j));
}

}  // namespace

std::int64_t round_to_powers(std::span<const float> x, const Coins& coins, std::span<std::byte> exponents,
                             std::span<std::byte> signs) {
  assert(coins.leading().size() == x.size() && exponents.size() == x.size() && signs.size() == (x.size() + 7) / 8);
  const std::int64_t nonfinite = HWY_DYNAMIC_DISPATCH(to_powers)(x, coins, exponents, signs);
  return nonfinite + rest_to_powers(HWY_DYNAMIC_DISPATCH(whole_words)(x.size()), x.size(), x, coins, exponents, signs);
}

void add_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, const Accumulation& to) {
  assert(signs.size() == (exponents.size() + 7) / 8);
  HWY_DYNAMIC_DISPATCH(from_powers)(exponents, signs, to);
  add_rest(HWY_DYNAMIC_DISPATCH(whole_words)(exponents.size()), exponents, signs, to);
}

void decode_axpy_powers(std::span<const Powers> agents, float step, std::span<float> x) {
  assert(!agents.empty());
  HWY_DYNAMIC_DISPATCH(decode_axpy_words)(agents, step, x);
  decode_axpy_rest(HWY_DYNAMIC_DISPATCH(whole_words)(x.size()), x.size(), agents, step, x);
}

namespace reference {

std::int64_t round_to_powers(std::span<const float> x, const Coins& coins, std::span<std::byte> exponents,
                             std::span<std::byte> signs) {
  return rest_to_powers(0, x.size(), x, coins, exponents, signs);
}

void add_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, const Accumulation& to) {
  add_rest(0, exponents, signs, to);
}

void decode_axpy_powers(std::span<const Powers> agents, float step, std::span<float> x) {
  decode_axpy_rest(0, x.size(), agents, step, x);
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
