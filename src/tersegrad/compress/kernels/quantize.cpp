#include "tersegrad/compress/kernels/quantize.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

#include "tersegrad/compress/kernels/lane_sums.hpp"
#include "tersegrad/compress/kernels/norms.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_QUANTIZE_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_QUANTIZE_ONCE
namespace tersegrad::kernels {
namespace {

using Parts = std::span<const ScaledPart>;

/// Bounds of scales, and of sums of squares, within which neither underflow nor overflow matters: unit_of() is a
/// quotient there.
constexpr float least = 0x1p-80f, most = 0x1p120f;

/// Symbol of x_j in a part of unit 1/inverse. t and the coin are added in fixed point, 16 bits behind the point; only
/// where those come to 0.1…1 (binary) can what is behind them carry.
inline std::uint16_t symbol_of(float x, float inverse, std::uint32_t levels, const Coins& coins, std::size_t j) {
  const float t = std::min(std::abs(x) * (inverse * 0x1p16f), static_cast<float>(levels) * 0x1p16f);
  const auto fixed = static_cast<std::int32_t>(t);
  std::int32_t sum = fixed + std::int32_t{coins.leading()[j]};
  if ((sum & 0xffff) == 0xffff) {
    const auto behind = static_cast<std::uint64_t>((t - static_cast<float>(fixed)) * 0x1p32f);  // exact
    sum += behind + coins.trailing(j) >= std::uint64_t{1} << 32 ? 1 : 0;
  }
  const std::int32_t s = static_cast<std::int32_t>(levels), level = sum >> 16;
  return static_cast<std::uint16_t>(x < 0 ? s - level : s + level);
}

inline float value_of(std::uint16_t symbol, float unit, std::uint32_t levels) {
  return unit * static_cast<float>(static_cast<std::int32_t>(symbol) - static_cast<std::int32_t>(levels));
}

/// descend_quantized() of the coordinates [begin, end), all of part p.
inline void descend_rest(std::size_t begin, std::size_t end, std::size_t p, std::span<const QuantizedRun> agents,
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
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/quantize.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/accumulate-inl.hpp"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // sums are kept in an array

std::size_t euclidean(std::span<const float>, std::size_t, std::uint32_t, std::span<float>) { return 0; }
std::size_t largest(std::span<const float>, std::size_t, std::uint32_t, std::span<float>) { return 0; }
void quantize_parts(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
                    std::span<std::uint16_t> symbols) {
  reference::quantize(x, parts, levels, coins, symbols);
}
void add_parts(std::span<const std::uint16_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
  reference::add_quantized(symbols, parts, levels, to);
}
void descend_parts(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  reference::descend_quantized(agents, levels, step, x);
}

#else

using DI = Lanes32<std::int32_t>;
using DF = hn::RebindToFloat<DI>;
using D16 = hn::Rebind<std::uint16_t, DI>;

/// Scales, or their squares, become units where they are within bounds; the others NaN.
template <bool squares>
HWY_INLINE void set_units(std::span<float> out, std::uint32_t levels) {
  const DF d;
  const auto count = static_cast<float>(levels);
  const std::size_t lanes = hn::Lanes(d);
  std::size_t b = 0;
  for (; b + lanes <= out.size(); b += lanes) {
    const auto v = hn::LoadU(d, out.data() + b);
    const auto within = hn::And(hn::Ge(v, hn::Set(d, least)), hn::Le(v, hn::Set(d, most)));
    const auto unit = hn::Div(squares ? hn::Sqrt(v) : v, hn::Set(d, count));
    hn::StoreU(hn::IfThenElse(within, unit, hn::NaN(d)), d, out.data() + b);
  }
  for (; b < out.size(); ++b) {
    const float v = out[b];
    out[b] = v >= least && v <= most ? (squares ? std::sqrt(v) : v) / count : std::numeric_limits<float>::quiet_NaN();
  }
}

/// The units of whole blocks; NaN stands for those that the vectors leave open. \returns how many blocks
std::size_t euclidean(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  const DF d;
  const std::size_t lanes = hn::Lanes(d), blocks = block % sum_lanes == 0 ? x.size() / block : 0;
  constexpr std::size_t vectors = sum_lanes / hn::MaxLanes(d);
  for (std::size_t b = 0; b < blocks; ++b) {
    hn::Vec<DF> sums[vectors];
    for (auto& sum : sums) sum = hn::Zero(d);
    for (std::size_t j = b * block; j < (b + 1) * block; j += sum_lanes) {
      for (std::size_t v = 0; v < vectors; ++v) {
        const auto value = hn::LoadU(d, x.data() + j + v * lanes);
        sums[v] = hn::Add(sums[v], hn::Mul(value, value));
      }
    }
    for (std::size_t half = vectors / 2; half > 0; half /= 2) {
      for (std::size_t v = 0; v < half; ++v) sums[v] = hn::Add(sums[v], sums[v + half]);
    }
    out[b] = folded(d, sums[0]);
  }
  set_units<true>(out.first(blocks), levels);
  return blocks;
}

std::size_t largest(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  const DI d;
  const std::size_t lanes = hn::Lanes(d), blocks = block % sum_lanes == 0 ? x.size() / block : 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    // The bits of magnitudes order as the magnitudes do, with inf and NaN on top.
    auto top = hn::Zero(d);
    for (std::size_t j = b * block; j < (b + 1) * block; j += lanes) {
      top = hn::Max(top, hn::And(hn::BitCast(d, hn::LoadU(DF(), x.data() + j)), hn::Set(d, 0x7fffffff)));
    }
    out[b] = std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(d, top)));
  }
  set_units<false>(out.first(blocks), levels);
  return blocks;
}

void quantize_parts(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
                    std::span<std::uint16_t> symbols) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const auto s = hn::Set(di, static_cast<std::int32_t>(levels));
  const auto most = hn::Set(df, static_cast<float>(levels) * 0x1p16f);
  const auto fraction = hn::Set(di, 0xffff);
  const std::uint16_t* const leading = coins.leading().data();
  std::size_t at = 0;
  for (const ScaledPart& part : parts) {
    const std::size_t end = at + part.size;
    if (!(part.unit > 0)) {
      std::fill(symbols.data() + at, symbols.data() + end, static_cast<std::uint16_t>(levels));
      at = end;
      continue;
    }
    const float inverse = 1 / part.unit;
    const auto per_unit = hn::Set(df, inverse * 0x1p16f);
    auto undecided = hn::MaskFromVec(hn::Zero(di));
    std::size_t j = at;
    for (; j + lanes <= end; j += lanes) {
      const auto v = hn::LoadU(df, x.data() + j);
      const auto t = hn::Min(hn::Mul(hn::Abs(v), per_unit), most);
      const auto sum = hn::Add(hn::ConvertTo(di, t), hn::PromoteTo(di, hn::LoadU(D16(), leading + j)));
      const auto level = hn::ShiftRight<16>(sum);
      const auto negative = hn::RebindMask(di, hn::Lt(v, hn::Zero(df)));
      const auto symbol = hn::IfThenElse(negative, hn::Sub(s, level), hn::Add(s, level));
      hn::StoreU(hn::DemoteTo(D16(), symbol), D16(), symbols.data() + j);
      undecided = hn::Or(undecided, hn::Eq(hn::And(sum, fraction), fraction));
    }
    if (HWY_UNLIKELY(!hn::AllFalse(di, undecided))) {
      for (std::size_t i = at; i < j; ++i) symbols[i] = symbol_of(x[i], inverse, levels, coins, i);
    }
    for (; j < end; ++j) symbols[j] = symbol_of(x[j], inverse, levels, coins, j);
    at = end;
  }
}

void add_parts(std::span<const std::uint16_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
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
        const auto level = hn::ConvertTo(df, hn::Sub(hn::PromoteTo(di, hn::LoadU(D16(), symbols.data() + j)), s));
        sink(j, hn::Mul(unit, level));
      }
      const ScaledPart rest{end - j, part.unit};
      reference::add_quantized(symbols.subspan(j, rest.size), Parts(&rest, 1), levels, to.at(j));
      at = end;
    }
  });
}

template <bool exact>
HWY_INLINE void descend_parts_of(std::span<const QuantizedRun> agents, std::uint32_t levels, float step,
                                 std::span<float> x) {
  const DI di;
  const DF df;
  const std::size_t lanes = hn::Lanes(di);
  const auto s = hn::Set(di, static_cast<std::int32_t>(levels));
  const MeanStep<exact> descend(agents.size(), step);
  std::size_t at = 0;
  for (std::size_t p = 0; p < agents.front().parts.size(); ++p) {
    const std::size_t end = at + agents.front().parts[p].size;
    const auto descend_vectors = [&]<std::size_t vectors>(std::size_t j, std::integral_constant<std::size_t, vectors>)
                                     HWY_ATTR {
      hn::Vec<DF> sums[vectors];
      for (auto& sum : sums) sum = hn::Zero(df);
      for (const auto& agent : agents) {
        const auto unit = hn::Set(df, agent.parts[p].unit);
        for (std::size_t v = 0; v < vectors; ++v) {
          const auto symbol = hn::PromoteTo(di, hn::LoadU(D16(), agent.symbols + j + v * lanes));
          sums[v] = hn::Add(sums[v], hn::Mul(unit, hn::ConvertTo(df, hn::Sub(symbol, s))));
        }
      }
      for (std::size_t v = 0; v < vectors; ++v) descend(sums[v], x.data() + j + v * lanes);
    };
    std::size_t j = at;
    for (; j + 4 * lanes <= end; j += 4 * lanes) descend_vectors(j, std::integral_constant<std::size_t, 4>());
    for (; j + lanes <= end; j += lanes) descend_vectors(j, std::integral_constant<std::size_t, 1>());
    descend_rest(j, end, p, agents, levels, step, x);
    at = end;
  }
}

void descend_parts(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  std::has_single_bit(agents.size()) ? descend_parts_of<true>(agents, levels, step, x)
                                     : descend_parts_of<false>(agents, levels, step, x);
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(euclidean);
HWY_EXPORT(largest);
HWY_EXPORT(quantize_parts);
HWY_EXPORT(add_parts);
HWY_EXPORT(descend_parts);

namespace {

[[maybe_unused]] std::size_t size_of(Parts parts) {
  std::size_t size = 0;
  for (const auto& part : parts) size += part.size;
  return size;
}

}  // namespace

float unit_of(double scale, std::uint32_t levels) {
  if (scale == 0 || std::isnan(scale)) return static_cast<float>(scale);
  constexpr double smallest = 0x1p-110;
  const double largest = std::numeric_limits<float>::max() * (1 - 0x1p-22) / levels;
  return static_cast<float>(std::clamp(scale / levels, smallest, largest));
}

namespace {

float quotient(float scale, std::uint32_t levels) { return scale / static_cast<float>(levels); }

float euclidean_unit(std::span<const float> x, std::uint32_t levels) {
  LaneSums<float> sums{};
  for (std::size_t j = 0; j < x.size(); ++j) sums[j % sum_lanes] += x[j] * x[j];
  const float squares = total(sums);
  return squares >= least && squares <= most ? quotient(std::sqrt(squares), levels)
                                             : unit_of(euclidean_norm(x), levels);
}

float largest_unit(std::span<const float> x, std::uint32_t levels) {
  const float scale = largest_magnitude(x);
  return scale >= least && scale <= most ? quotient(scale, levels) : unit_of(scale, levels);
}

/// The blocks from `done` on, and those before that are still NaN.
template <class UnitOf>
void rest_of_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::size_t done,
                   std::span<float> out, UnitOf&& unit_of_block) {
  for (std::size_t b = 0; b < out.size(); ++b) {
    if (b < done && !std::isnan(out[b])) continue;
    out[b] = unit_of_block(x.subspan(b * block, std::min(block, x.size() - b * block)), levels);
  }
}

}  // namespace

void euclidean_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  assert(block >= 1 && block <= 4096 && out.size() == (x.size() + block - 1) / block);
  rest_of_units(x, block, levels, HWY_DYNAMIC_DISPATCH(euclidean)(x, block, levels, out), out, euclidean_unit);
}

void largest_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  assert(block >= 1 && out.size() == (x.size() + block - 1) / block);
  rest_of_units(x, block, levels, HWY_DYNAMIC_DISPATCH(largest)(x, block, levels, out), out, largest_unit);
}

void quantize(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint16_t> symbols) {
  assert(coins.leading().size() == x.size() && symbols.size() == x.size() && size_of(parts) == x.size());
  assert(levels >= 1 && levels <= 32767);
  HWY_DYNAMIC_DISPATCH(quantize_parts)(x, parts, levels, coins, symbols);
}

void add_quantized(std::span<const std::uint16_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
  assert(size_of(parts) == symbols.size());
  HWY_DYNAMIC_DISPATCH(add_parts)(symbols, parts, levels, to);
}

void descend_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  assert(!agents.empty() && size_of(agents.front().parts) == x.size());
  HWY_DYNAMIC_DISPATCH(descend_parts)(agents, levels, step, x);
}

namespace reference {

void euclidean_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  rest_of_units(x, block, levels, 0, out, euclidean_unit);
}

void largest_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  rest_of_units(x, block, levels, 0, out, largest_unit);
}

void quantize(std::span<const float> x, Parts parts, std::uint32_t levels, const Coins& coins,
              std::span<std::uint16_t> symbols) {
  std::size_t j = 0;
  for (const ScaledPart& part : parts) {
    for (const std::size_t end = j + part.size; j < end; ++j) {
      // All zero, or not a number: then the unit alone says it.
      symbols[j] = part.unit > 0 ? symbol_of(x[j], 1 / part.unit, levels, coins, j) : static_cast<std::uint16_t>(levels);
    }
  }
}

void add_quantized(std::span<const std::uint16_t> symbols, Parts parts, std::uint32_t levels, const Accumulation& to) {
  std::size_t j = 0;
  for (const ScaledPart& part : parts) {
    for (const std::size_t end = j + part.size; j < end; ++j) {
      to.take(j, value_of(symbols[j], part.unit, levels));
    }
  }
}

void descend_quantized(std::span<const QuantizedRun> agents, std::uint32_t levels, float step, std::span<float> x) {
  std::size_t at = 0;
  for (std::size_t p = 0; p < agents.front().parts.size(); ++p) {
    const std::size_t end = at + agents.front().parts[p].size;
    descend_rest(at, end, p, agents, levels, step, x);
    at = end;
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
