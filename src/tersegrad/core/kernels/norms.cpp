#include "tersegrad/core/kernels/norms.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tersegrad/core/kernels/lane_sums.hpp"
#include "tersegrad/core/kernels/prefetch.hpp"

#ifndef TERSEGRAD_CORE_KERNELS_NORMS_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_CORE_KERNELS_NORMS_ONCE
namespace tersegrad::kernels {
namespace {

using Sums = LaneSums<double>;

inline float magnitude_of(std::int32_t bits) {
  return bits >= 0x7f800000 ? std::numeric_limits<float>::quiet_NaN() : std::bit_cast<float>(bits);
}

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/core/kernels/norms.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // the lanes are kept in an array

double magnitudes(std::span<const float> x) { return reference::sum_of_magnitudes(x); }
double squares(std::span<const float> x) { return reference::sum_of_squares(x); }
float largest(std::span<const float> x) { return reference::largest_magnitude(x); }

#else

using Doubles = hn::CappedTag<double, 8>;
using Floats = hn::Rebind<float, Doubles>;

/// Σ term(x_j) over the 16 lanes.
template <class Term>
HWY_INLINE double sum_of(std::span<const float> x, Term&& term) {
  const Doubles d;
  constexpr std::size_t lanes = hn::MaxLanes(d), vectors = sum_lanes / lanes;
  hn::Vec<Doubles> sums[vectors];
  for (auto& sum : sums) sum = hn::Zero(d);
  std::size_t j = 0;
  for (; j + sum_lanes <= x.size(); j += sum_lanes) {
    prefetch_ahead(x.data() + j, sum_lanes);
    for (std::size_t v = 0; v < vectors; ++v) {
      sums[v] = hn::Add(sums[v], term(hn::PromoteTo(d, hn::LoadU(Floats(), x.data() + j + v * lanes))));
    }
  }
  if (j < x.size()) {  // the rest, a lane each
    alignas(64) Sums rest{};
    for (std::size_t l = 0; j + l < x.size(); ++l) {
      alignas(64) const double value[lanes] = {static_cast<double>(x[j + l])};
      rest[l] = hn::GetLane(term(hn::Load(d, value)));
    }
    for (std::size_t v = 0; v < vectors; ++v) sums[v] = hn::Add(sums[v], hn::Load(d, rest.data() + v * lanes));
  }
  for (std::size_t half = vectors / 2; half > 0; half /= 2) {  // total(), as far as whole vectors go
    for (std::size_t v = 0; v < half; ++v) sums[v] = hn::Add(sums[v], sums[v + half]);
  }
  return folded(d, sums[0]);
}

double magnitudes(std::span<const float> x) {
  return sum_of(x, [](auto v) HWY_ATTR { return hn::Abs(v); });
}

double squares(std::span<const float> x) {
  return sum_of(x, [](auto v) HWY_ATTR { return hn::Mul(v, v); });
}

float largest(std::span<const float> x) {
  // The bits of magnitudes order as the magnitudes do, with inf and NaN on top.
  const Lanes32<std::int32_t> d;
  const hn::RebindToFloat<decltype(d)> df;
  const auto clear = hn::Set(d, 0x7fffffff);
  const std::size_t lanes = hn::Lanes(d);
  auto top = hn::Zero(d);
  std::size_t j = 0;
  for (; j + lanes <= x.size(); j += lanes) {
    prefetch_ahead(x.data() + j, lanes);
    top = hn::Max(top, hn::And(hn::BitCast(d, hn::LoadU(df, x.data() + j)), clear));
  }
  std::int32_t most = hn::GetLane(hn::MaxOfLanes(d, top));
  for (; j < x.size(); ++j) most = std::max(most, std::bit_cast<std::int32_t>(x[j]) & 0x7fffffff);
  return magnitude_of(most);
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(magnitudes);
HWY_EXPORT(squares);
HWY_EXPORT(largest);

double sum_of_magnitudes(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(magnitudes)(x); }
double sum_of_squares(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(squares)(x); }
float largest_magnitude(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(largest)(x); }

double euclidean_norm(std::span<const float> x) {
  const double squares = sum_of_squares(x);
  return std::isfinite(squares) ? std::sqrt(squares) : std::numeric_limits<double>::quiet_NaN();
}

namespace reference {
namespace {

template <class F>
double sum_of(std::size_t n, F&& term) {
  Sums sums{};
  for (std::size_t j = 0; j < n; ++j) sums[j % sum_lanes] += term(j);
  return total(sums);
}

}  // namespace

double sum_of_magnitudes(std::span<const float> x) {
  return sum_of(x.size(), [&](std::size_t j) { return std::abs(static_cast<double>(x[j])); });
}

double sum_of_squares(std::span<const float> x) {
  return sum_of(x.size(), [&](std::size_t j) { return static_cast<double>(x[j]) * static_cast<double>(x[j]); });
}

float largest_magnitude(std::span<const float> x) {
  std::int32_t largest = 0;
  for (const float v : x) largest = std::max(largest, std::bit_cast<std::int32_t>(v) & 0x7fffffff);
  return magnitude_of(largest);
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
