#include "tersegrad/compress/kernels/quantized/quantize.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#ifndef TERSEGRAD_COMPRESS_KERNELS_QUANTIZE_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_QUANTIZE_ONCE
namespace tersegrad::kernels {
namespace {

using Parts = std::span<const ScaledPart>;

/// Bits of a coin that the vectors look at: a level's sum and they fit a float's mantissa.
inline int bits_looked_at(std::uint32_t levels) {
  return std::min(16, 23 - static_cast<int>(std::bit_width(2 * levels)));
}

/// Symbol of x_j in a part of unit 1/inverse.
inline std::uint32_t symbol_of(float x, float inverse, std::uint32_t levels, const Coins& coins, std::size_t j) {
  const auto s = static_cast<float>(levels);
  const float t = std::clamp(x * inverse, -s, s);
  const double exact = static_cast<double>(t) * 0x1p48;
  auto below = static_cast<std::int64_t>(exact);
  if (static_cast<double>(below) > exact) --below;
  const std::int64_t sum = below + (std::int64_t{coins.leading()[j]} << 32);
  // Mostly the trailing bits cannot carry.
  std::int64_t level = sum >> 48;
  if ((sum + 0xffffffff) >> 48 != level) level = (sum + coins.trailing(j)) >> 48;
  return static_cast<std::uint32_t>(level + levels);
}

inline float value_of(std::uint32_t symbol, float unit, std::uint32_t levels) {
  return unit * static_cast<float>(static_cast<std::int32_t>(symbol) - static_cast<std::int32_t>(levels));
}

/// decode_axpy_quantized() of the coordinates [begin, end), all of part p.
inline void decode_axpy_rest(std::size_t begin, std::size_t end, std::size_t p, std::span<const QuantizedRun> agents,
                         std::uint32_t levels, float step, std::span<float> x) {
  for (std::size_t j = begin; j < end; ++j) {
    float sum = 0;
    for (const auto& agent : agents) sum += value_of(agent.symbols[j], agent.parts[p].unit, levels);
    x[j] = x[j] - step * (sum / static_cast<float>(agents.size()));
  }
}

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/quantized/quantize.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/dense/accumulate-inl.hpp"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // sums are kept in an array

void quantize_parts(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
                    std::span<std::uint32_t> symbols) {
  reference::quantize(x, parts, levels, coins, symbols);
}
void add_parts(std::span<const std::uint32_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
  reference::add_quantized(symbols, parts, levels, to);
}
void decode_axpy_parts(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  reference::decode_axpy_quantized(agents, levels, step, x);
}

#else

using DI = Lanes32<std::int32_t>;
using DF = hn::RebindToFloat<DI>;
using DU = hn::RebindToUnsigned<DI>;
using D16 = hn::Rebind<std::uint16_t, DI>;

/// t + s in fixed point, `looked_at` bits behind the point, is the mantissa of a float of [2^23, 2^24) once a product
/// and a sum have been rounded to it: off by less than a unit, as the coin without its other bits is. That decides the
/// symbol but where their sum's bits behind the point are within a unit of a carry; with a unit added, these are 0 and
/// 1.
/// \tparam wide  looked_at is 16
template <bool wide>
HWY_INLINE void quantize_parts_of(std::span<const float> x, Parts parts, std::uint32_t levels, int looked_at,
                                  const Coins& coins, std::span<std::uint32_t> symbols) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const float one = static_cast<float>(1 << looked_at), s = static_cast<float>(levels);
  const auto least = hn::Set(df, 0x1p23f + 1), most = hn::Set(df, 0x1p23f + 1 + 2 * s * one);
  const auto middle = hn::Set(df, 0x1p23f + 1 + s * one);
  const auto behind = hn::Set(di, (1 << looked_at) - 1), before = hn::Set(di, (1 << (23 - looked_at)) - 1);
  constexpr std::uint32_t still_open = 0xffffffff;
  const auto open = hn::Set(di, -1);
  const std::uint16_t* const leading = coins.leading().data();
  std::size_t at = 0;
  for (const ScaledPart& part : parts) {
    const std::size_t end = at + part.size;
    if (!(part.unit > 0)) {
      std::fill(symbols.data() + at, symbols.data() + end, levels);
      at = end;
      continue;
    }
    const float inverse = 1 / part.unit;
    const auto per_unit = hn::Set(df, inverse * one);
    auto undecided = hn::MaskFromVec(hn::Zero(di));
    std::size_t j = at;
    for (; j + lanes <= end; j += lanes) {
      const auto t = hn::MulAdd(hn::LoadU(df, x.data() + j), per_unit, middle);
      auto coin = hn::PromoteTo(di, hn::LoadU(D16(), leading + j));
      if constexpr (!wide) coin = hn::ShiftRightSame(coin, 16 - looked_at);
      const auto sum = hn::Add(hn::BitCast(di, hn::Min(hn::Max(t, least), most)), coin);
      const auto close = hn::Lt(hn::And(sum, behind), hn::Set(di, 2));
      undecided = hn::Or(undecided, close);
      const auto level = wide ? hn::ShiftRight<16>(sum) : hn::ShiftRightSame(sum, looked_at);
      hn::StoreU(hn::BitCast(DU(), hn::IfThenElse(close, open, hn::And(level, before))), DU(), symbols.data() + j);
    }
    if (HWY_UNLIKELY(!hn::AllFalse(di, undecided))) {
      for (std::size_t i = at; i < j; ++i) {
        if (symbols[i] == still_open) symbols[i] = symbol_of(x[i], inverse, levels, coins, i);
      }
    }
    for (; j < end; ++j) symbols[j] = symbol_of(x[j], inverse, levels, coins, j);
    at = end;
  }
}

void quantize_parts(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
                    std::span<std::uint32_t> symbols) {
  const int looked_at = bits_looked_at(levels);
  looked_at == 16 ? quantize_parts_of<true>(x, parts, levels, looked_at, coins, symbols)
                  : quantize_parts_of<false>(x, parts, levels, looked_at, coins, symbols);
}

void add_parts(std::span<const std::uint32_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const auto s = hn::Set(di, static_cast<std::int32_t>(levels));
  with_sink(to, [&](auto sink) HWY_ATTR {
    std::size_t at = 0;
    for (const ScaledPart& part : parts) {
      const std::size_t end = at + part.size;
      const auto unit = hn::Set(df, part.unit);
      std::size_t j = at;
      for (; j + lanes <= end; j += lanes) {
        const auto level = hn::ConvertTo(df, hn::Sub(hn::BitCast(di, hn::LoadU(DU(), symbols.data() + j)), s));
        sink(j, hn::Mul(unit, level));
      }
      const ScaledPart rest{end - j, part.unit};
      reference::add_quantized(symbols.subspan(j, rest.size), Parts(&rest, 1), levels, to.at(j));
      at = end;
    }
  });
}

template <bool exact>
HWY_INLINE void decode_axpy_parts_of(std::span<const QuantizedRun> agents, std::uint32_t levels, float step,
                                 std::span<float> x) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const auto s = hn::Set(di, static_cast<std::int32_t>(levels));
  const MeanStep<exact> update(agents.size(), step);
  std::size_t at = 0;
  for (std::size_t p = 0; p < agents.front().parts.size(); ++p) {
    const std::size_t end = at + agents.front().parts[p].size;
    const auto decode_axpy_vectors = [&]<std::size_t vectors>(std::size_t j, std::integral_constant<std::size_t, vectors>)
                                     HWY_ATTR {
      hn::Vec<DF> sums[vectors];
      for (auto& sum : sums) sum = hn::Zero(df);
      for (const auto& agent : agents) {
        const auto unit = hn::Set(df, agent.parts[p].unit);
        for (std::size_t v = 0; v < vectors; ++v) {
          const auto symbol = hn::BitCast(di, hn::LoadU(DU(), agent.symbols + j + v * lanes));
          sums[v] = hn::Add(sums[v], hn::Mul(unit, hn::ConvertTo(df, hn::Sub(symbol, s))));
        }
      }
      for (std::size_t v = 0; v < vectors; ++v) update(sums[v], x.data() + j + v * lanes);
    };
    std::size_t j = at;
    for (; j + 4 * lanes <= end; j += 4 * lanes) decode_axpy_vectors(j, std::integral_constant<std::size_t, 4>());
    for (; j + lanes <= end; j += lanes) decode_axpy_vectors(j, std::integral_constant<std::size_t, 1>());
    decode_axpy_rest(j, end, p, agents, levels, step, x);
    at = end;
  }
}

void decode_axpy_parts(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  std::has_single_bit(agents.size()) ? decode_axpy_parts_of<true>(agents, levels, step, x)
                                     : decode_axpy_parts_of<false>(agents, levels, step, x);
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(quantize_parts);
HWY_EXPORT(add_parts);
HWY_EXPORT(decode_axpy_parts);

namespace {

[[maybe_unused]] std::size_t size_of(Parts parts) {
  std::size_t size = 0;
  for (const auto& part : parts) size += part.size;
  return size;
}

}  // namespace

void quantize(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint32_t> symbols) {
  assert(coins.leading().size() == x.size() && symbols.size() == x.size() && size_of(parts) == x.size());
  assert(levels >= 1 && levels <= 32767);
  HWY_DYNAMIC_DISPATCH(quantize_parts)(x, parts, levels, coins, symbols);
}

void add_quantized(std::span<const std::uint32_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
  assert(size_of(parts) == symbols.size());
  HWY_DYNAMIC_DISPATCH(add_parts)(symbols, parts, levels, to);
}

void decode_axpy_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  assert(!agents.empty() && size_of(agents.front().parts) == x.size());
  HWY_DYNAMIC_DISPATCH(decode_axpy_parts)(agents, levels, step, x);
}

namespace reference {

void quantize(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint32_t> symbols) {
  std::size_t j = 0;
  for (const ScaledPart& part : parts) {
    for (const std::size_t end = j + part.size; j < end; ++j) {
      // All zero, or not a number: then the unit alone says it.
      symbols[j] = part.unit > 0 ? symbol_of(x[j], 1 / part.unit, levels, coins, j) : levels;
    }
  }
}

void add_quantized(std::span<const std::uint32_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
  std::size_t j = 0;
  for (const ScaledPart& part : parts) {
    for (const std::size_t end = j + part.size; j < end; ++j) {
      to.take(j, value_of(symbols[j], part.unit, levels));
    }
  }
}

void decode_axpy_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  std::size_t at = 0;
  for (std::size_t p = 0; p < agents.front().parts.size(); ++p) {
    const std::size_t end = at + agents.front().parts[p].size;
    decode_axpy_rest(at, end, p, agents, levels, step, x);
    at = end;
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
