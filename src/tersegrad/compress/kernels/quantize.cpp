#include "tersegrad/compress/kernels/quantize.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/quantize.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

void quantize_parts(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels,
                    std::span<const std::uint32_t> words, std::span<std::uint16_t> symbols) {
  reference::quantize(x, parts, levels, words, symbols);
}
void add_parts(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts,
               const LevelFractions& fractions, std::span<float> sum) {
  reference::add_quantized(symbols, parts, fractions, sum);
}

#else

using DI = Lanes32<std::int32_t>;
using DF = hn::RebindToFloat<DI>;
using D16 = hn::Rebind<std::uint16_t, DI>;

void quantize_parts(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels,
                    std::span<const std::uint32_t> words, std::span<std::uint16_t> symbols) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const auto s = hn::Set(di, static_cast<std::int32_t>(levels));
  const auto count = hn::Set(df, static_cast<float>(levels));
  const auto zero = hn::Zero(df);
  std::size_t at = 0;
  for (const ScaledPart& part : parts) {
    if (!(part.scale > 0)) {
      std::fill_n(symbols.data() + at, part.size, static_cast<std::uint16_t>(levels));
      at += part.size;
      continue;
    }
    const auto scale = hn::Set(df, part.scale);
    std::size_t j = at;
    for (; j + lanes <= at + part.size; j += lanes) {
      const auto v = hn::LoadU(df, x.data() + j);
      const auto t = hn::Mul(hn::Div(hn::Abs(v), scale), count);
      const auto low = hn::ConvertTo(di, t);
      const auto threshold = hn::ConvertTo(di, hn::Mul(hn::Sub(t, hn::ConvertTo(df, low)), hn::Set(df, 0x1p31f)));
      const hn::RebindToUnsigned<DI> du;
      const auto coin = hn::BitCast(di, hn::ShiftRight<1>(hn::LoadU(du, words.data() + j)));
      const auto up = hn::VecFromMask(di, hn::Lt(coin, threshold));  // −1 where true
      const auto level = hn::Sub(low, up);
      const auto negative = hn::RebindMask(di, hn::Lt(v, zero));
      const auto symbol = hn::IfThenElse(negative, hn::Sub(s, level), hn::Add(s, level));
      hn::StoreU(hn::DemoteTo(D16(), symbol), D16(), symbols.data() + j);
    }
    const ScaledPart rest{at + part.size - j, part.scale};
    reference::quantize(x.subspan(j, rest.size), std::span(&rest, 1), levels, words.subspan(j, rest.size),
                        symbols.subspan(j, rest.size));
    at += part.size;
  }
}

template <bool divides>
HWY_INLINE void add_scaled(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts,
                           const LevelFractions& fractions, std::span<float> sum) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const auto s = hn::Set(di, static_cast<std::int32_t>(fractions.levels()));
  const auto count = hn::Set(df, static_cast<float>(fractions.levels()));
  const auto high = hn::Set(df, fractions.high()), low = hn::Set(df, fractions.low());
  std::size_t at = 0;
  for (const ScaledPart& part : parts) {
    const auto scale = hn::Set(df, part.scale);
    std::size_t j = at;
    for (; j + lanes <= at + part.size; j += lanes) {
      const auto level = hn::ConvertTo(df, hn::Sub(hn::PromoteTo(di, hn::LoadU(D16(), symbols.data() + j)), s));
      const auto fraction = divides ? hn::Div(level, count) : hn::Add(hn::Mul(level, high), hn::Mul(level, low));
      hn::StoreU(hn::Add(hn::LoadU(df, sum.data() + j), hn::Mul(scale, fraction)), df, sum.data() + j);
    }
    const ScaledPart rest{at + part.size - j, part.scale};
    reference::add_quantized(symbols.subspan(j, rest.size), std::span(&rest, 1), fractions, sum.subspan(j, rest.size));
    at += part.size;
  }
}

void add_parts(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts,
               const LevelFractions& fractions, std::span<float> sum) {
  if (fractions.divides()) {
    add_scaled<true>(symbols, parts, fractions, sum);
  } else {
    add_scaled<false>(symbols, parts, fractions, sum);
  }
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(quantize_parts);
HWY_EXPORT(add_parts);

namespace {

[[maybe_unused]] std::size_t size_of(std::span<const ScaledPart> parts) {
  std::size_t size = 0;
  for (const auto& part : parts) size += part.size;
  return size;
}

}  // namespace

void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels,
              std::span<const std::uint32_t> words, std::span<std::uint16_t> symbols) {
  assert(words.size() == x.size() && symbols.size() == x.size() && size_of(parts) == x.size());
  assert(levels >= 1 && levels <= 32767);
  HWY_DYNAMIC_DISPATCH(quantize_parts)(x, parts, levels, words, symbols);
}

LevelFractions::LevelFractions(std::uint32_t levels) : levels_(levels) {
  assert(levels >= 1 && levels <= 32767);
  // 1/s as a sum of two floats, the first of so few bits that its product with a level is exact. The sum's one rounding
  // is then that of l/s, unless l/s lies closer to a tie than the second is exact: tried for every level.
  int exponent = 0;
  const double inverse = 1.0 / levels, fraction = std::frexp(inverse, &exponent);
  const int kept = 24 - std::bit_width(levels);
  high_ = static_cast<float>(std::ldexp(std::trunc(std::ldexp(fraction, kept)), exponent - kept));
  low_ = static_cast<float>(inverse - static_cast<double>(high_));
  for (std::uint32_t l = 0; l <= levels; ++l) {
    const auto level = static_cast<float>(l);
    const float first = level * high_, second = level * low_;
    divides_ |= first + second != level / static_cast<float>(levels);
  }
}

void add_quantized(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts,
                   const LevelFractions& fractions, std::span<float> sum) {
  assert(symbols.size() == sum.size() && size_of(parts) == sum.size());
  HWY_DYNAMIC_DISPATCH(add_parts)(symbols, parts, fractions, sum);
}

namespace reference {

void quantize(std::span<const float> x, std::span<const ScaledPart> parts, std::uint32_t levels,
              std::span<const std::uint32_t> words, std::span<std::uint16_t> symbols) {
  const auto s = static_cast<std::int32_t>(levels);
  std::size_t j = 0;
  for (const ScaledPart& part : parts) {
    for (const std::size_t end = j + part.size; j < end; ++j) {
      if (!(part.scale > 0)) {  // all zero, or not a number: then the scale alone says it
        symbols[j] = static_cast<std::uint16_t>(levels);
        continue;
      }
      // |x|/scale ≤ 1 and its product with s ≤ s: rounding is monotone.
      const float t = std::abs(x[j]) / part.scale * static_cast<float>(s);
      const auto low = static_cast<std::int32_t>(t);
      const auto threshold = static_cast<std::int32_t>((t - static_cast<float>(low)) * 0x1p31f);
      const std::int32_t level = low + (static_cast<std::int32_t>(words[j] >> 1) < threshold ? 1 : 0);
      symbols[j] = static_cast<std::uint16_t>(x[j] < 0 ? s - level : s + level);
    }
  }
}

void add_quantized(std::span<const std::uint16_t> symbols, std::span<const ScaledPart> parts,
                   const LevelFractions& fractions, std::span<float> sum) {
  const auto s = static_cast<std::int32_t>(fractions.levels());
  std::size_t j = 0;
  for (const ScaledPart& part : parts) {
    for (const std::size_t end = j + part.size; j < end; ++j) {
      const auto level = static_cast<float>(static_cast<std::int32_t>(symbols[j]) - s);
      sum[j] += part.scale * (level / static_cast<float>(s));
    }
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
