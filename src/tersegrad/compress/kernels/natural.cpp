#include "tersegrad/compress/kernels/natural.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/natural.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

constexpr std::size_t word = 64;  // coordinates of one stored word of signs

#if HWY_TARGET == HWY_SCALAR

std::int64_t to_powers(std::span<const float>, std::span<const std::uint32_t>, std::span<std::byte>,
                       std::span<std::byte>) {
  return 0;
}
void from_powers(std::span<const std::byte>, std::span<const std::byte>, std::span<float>) {}
std::size_t whole(std::size_t) { return 0; }

#else

using DI = Lanes32<std::int32_t>;
using DF = hn::RebindToFloat<DI>;
using DU = hn::RebindToUnsigned<DI>;
using D8 = hn::Rebind<std::uint8_t, DI>;

std::size_t whole(std::size_t n) { return n / word * word; }

/// Whole words of x.
std::int64_t to_powers(std::span<const float> x, std::span<const std::uint32_t> words, std::span<std::byte> exponents,
                       std::span<std::byte> signs) {
  const DI di;
  const auto infinity = hn::Set(di, 0x7f800000), top = hn::Set(di, 255);
  std::int64_t nonfinite = 0;
  for (std::size_t j = 0; j < whole(x.size()); j += word) {
    std::uint64_t negative = 0;
    for (std::size_t i = 0; i < word; i += hn::Lanes(di)) {
      const auto bits = hn::BitCast(di, hn::LoadU(DF(), x.data() + j + i));
      const auto magnitude = hn::And(bits, hn::Set(di, 0x7fffffff));
      const auto finite = hn::Lt(magnitude, infinity), nan = hn::Gt(magnitude, infinity);
      const auto coin = hn::BitCast(di, hn::ShiftRight<9>(hn::LoadU(DU(), words.data() + j + i)));
      const auto sum = hn::Add(magnitude, hn::IfThenElseZero(finite, coin));
      const auto rounded = hn::IfThenZeroElse(nan, hn::ShiftRight<23>(sum));
      const auto minus = hn::And(hn::Lt(bits, hn::Zero(di)), hn::Gt(rounded, hn::Zero(di)));
      negative |= mask_bits(di, hn::Or(nan, minus)) << i;
      const auto lost = hn::Or(nan, hn::Eq(rounded, top));
      if (HWY_UNLIKELY(!hn::AllFalse(di, lost))) nonfinite += std::popcount(mask_bits(di, lost));
      hn::StoreU(hn::DemoteTo(D8(), rounded), D8(), reinterpret_cast<std::uint8_t*>(exponents.data() + j + i));
    }
    store_word(signs.data() + j / 8, negative);
  }
  return nonfinite;
}

void from_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, std::span<float> sum) {
  const DI di;
  const DF df;
  const auto minus_zero = hn::Set(di, static_cast<std::int32_t>(0x80000000u)), nan = hn::Set(di, 0x7fc00000);
  const std::size_t lanes = hn::Lanes(di);
  for (std::size_t j = 0; j < whole(sum.size()); j += word) {
    // Behind the last of fewer than eight lanes the bits of later ones are loaded too: bytes are shared then.
    std::uint64_t bits = load_word(signs.data() + j / 8);
    for (std::size_t i = 0; i < word; i += lanes, bits >>= lanes) {
      const auto negative = hn::LoadMaskBits(di, reinterpret_cast<const std::uint8_t*>(&bits));
      const auto exponent =
          hn::PromoteTo(di, hn::LoadU(D8(), reinterpret_cast<const std::uint8_t*>(exponents.data() + j + i)));
      auto value = hn::Or(hn::ShiftLeft<23>(exponent), hn::IfThenElseZero(negative, minus_zero));
      value = hn::IfThenElse(hn::Eq(value, minus_zero), nan, value);
      float* const to = sum.data() + j + i;
      hn::StoreU(hn::Add(hn::LoadU(df, to), hn::BitCast(df, value)), df, to);
    }
  }
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
HWY_EXPORT(whole_words);

std::int64_t round_to_powers(std::span<const float> x, std::span<const std::uint32_t> words,
                             std::span<std::byte> exponents, std::span<std::byte> signs) {
  assert(words.size() == x.size() && exponents.size() == x.size() && signs.size() == (x.size() + 7) / 8);
  const std::size_t done = HWY_DYNAMIC_DISPATCH(whole_words)(x.size());
  return HWY_DYNAMIC_DISPATCH(to_powers)(x, words, exponents, signs) +
         reference::round_to_powers(x.subspan(done), words.subspan(done), exponents.subspan(done),
                                    signs.subspan(done / 8));
}

void add_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, std::span<float> sum) {
  assert(exponents.size() == sum.size() && signs.size() == (sum.size() + 7) / 8);
  const std::size_t done = HWY_DYNAMIC_DISPATCH(whole_words)(sum.size());
  HWY_DYNAMIC_DISPATCH(from_powers)(exponents, signs, sum);
  reference::add_powers(exponents.subspan(done), signs.subspan(done / 8), sum.subspan(done));
}

namespace reference {

std::int64_t round_to_powers(std::span<const float> x, std::span<const std::uint32_t> words,
                             std::span<std::byte> exponents, std::span<std::byte> signs) {
  std::fill(signs.begin(), signs.end(), std::byte{0});
  std::int64_t nonfinite = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const auto bits = std::bit_cast<std::uint32_t>(x[j]);
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    const bool finite = magnitude < 0x7f800000u, nan = magnitude > 0x7f800000u;
    const std::uint32_t rounded = nan ? 0 : (magnitude + (finite ? words[j] >> 9 : 0)) >> 23;
    const std::uint32_t sign = nan ? 1 : rounded == 0 ? 0 : bits >> 31;
    exponents[j] = static_cast<std::byte>(rounded);
    signs[j / 8] |= static_cast<std::byte>(sign << (j % 8));
    nonfinite += nan || rounded == 255;
  }
  return nonfinite;
}

void add_powers(std::span<const std::byte> exponents, std::span<const std::byte> signs, std::span<float> sum) {
  for (std::size_t j = 0; j < sum.size(); ++j) {
    const std::uint32_t sign = std::to_integer<std::uint32_t>(signs[j / 8]) >> (j % 8) & 1u;
    const std::uint32_t bits = sign << 31 | std::to_integer<std::uint32_t>(exponents[j]) << 23;
    sum[j] += std::bit_cast<float>(bits == 0x80000000u ? 0x7fc00000u : bits);  // “−0” is NaN
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
