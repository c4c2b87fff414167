#include "tersegrad/compress/kernels/bandwidth.hpp"

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/bandwidth.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using DU = hn::RebindToUnsigned<D>;

std::uint32_t sum(std::span<const float> x) {
  const D d;
  const DU du;
  const std::size_t lanes = hn::Lanes(d);
  // Four sums, so that additions do not wait for each other.
  auto a = hn::Zero(du), b = a, c = a, e = a;
  std::size_t i = 0;
  for (; i + 4 * lanes <= x.size(); i += 4 * lanes) {
    a = hn::Add(a, hn::BitCast(du, hn::LoadU(d, x.data() + i)));
    b = hn::Add(b, hn::BitCast(du, hn::LoadU(d, x.data() + i + lanes)));
    c = hn::Add(c, hn::BitCast(du, hn::LoadU(d, x.data() + i + 2 * lanes)));
    e = hn::Add(e, hn::BitCast(du, hn::LoadU(d, x.data() + i + 3 * lanes)));
  }
  // The sum is modulo 2^32. SumOfLanes is not: GCC's own header adds signed lanes for it, which may not overflow.
  std::uint32_t last[hn::MaxLanes(DU())];
  hn::StoreU(hn::Add(hn::Add(a, b), hn::Add(c, e)), du, last);
  std::uint32_t total = std::accumulate(last, last + lanes, std::uint32_t{0});
  for (; i < x.size(); ++i) total += std::bit_cast<std::uint32_t>(x[i]);
  return total;
}

void add_scaled(float a, std::span<const float> x, std::span<float> y) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, a);
  std::size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, y.data() + i), hn::Mul(factor, hn::LoadU(d, x.data() + i))), d, y.data() + i);
  }
  for (; i < x.size(); ++i) y[i] = y[i] + a * x[i];
}

void copy_vectors(std::span<const float> x, std::span<float> out) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes) hn::StoreU(hn::LoadU(d, x.data() + i), d, out.data() + i);
  for (; i < x.size(); ++i) out[i] = x[i];
}

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(sum);
HWY_EXPORT(add_scaled);
HWY_EXPORT(copy_vectors);

std::uint32_t read_sum(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(sum)(x); }

void axpy(float a, std::span<const float> x, std::span<float> y) {
  assert(x.size() == y.size());
  HWY_DYNAMIC_DISPATCH(add_scaled)(a, x, y);
}

void copy(std::span<const float> x, std::span<float> out) {
  assert(x.size() == out.size());
  HWY_DYNAMIC_DISPATCH(copy_vectors)(x, out);
}

}  // namespace tersegrad::kernels
#endif
