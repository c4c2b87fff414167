#include "tersegrad/compress/kernels/quantized/block_units.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

#include "tersegrad/core/kernels/lane_sums.hpp"
#include "tersegrad/core/kernels/norms.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_BLOCK_UNITS_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_BLOCK_UNITS_ONCE
namespace tersegrad::kernels {
namespace {

/// Bounds of scales, and of sums of squares, within which neither underflow nor overflow matters: unit_of() is a
/// quotient there.
constexpr float least = 0x1p-80f, most = 0x1p120f;

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/quantized/block_units.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // sums are kept in an array

std::size_t euclidean(std::span<const float>, std::size_t, std::uint32_t, std::span<float>) { return 0; }
std::size_t largest(std::span<const float>, std::size_t, std::uint32_t, std::span<float>) { return 0; }

#else

using DI = Lanes32<std::int32_t>;
using DF = hn::RebindToFloat<DI>;

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

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(euclidean);
HWY_EXPORT(largest);

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

namespace reference {

void euclidean_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  rest_of_units(x, block, levels, 0, out, euclidean_unit);
}

void largest_units(std::span<const float> x, std::size_t block, std::uint32_t levels, std::span<float> out) {
  rest_of_units(x, block, levels, 0, out, largest_unit);
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
