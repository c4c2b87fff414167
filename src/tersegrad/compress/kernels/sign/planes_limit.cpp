// any_count_above of planes.hpp: counts that arrive are compared before they are believed.
#include <algorithm>
#include <bit>

#include "tersegrad/compress/kernels/sign/planes.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sign/planes_limit.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

/// A comparison from the highest plane down, a bit a coordinate. \pre bytes is at least a vector's
bool above(std::span<const std::byte* const> planes, std::size_t bytes, std::uint64_t limit) {
  const hn::ScalableTag<std::uint8_t> d;
  using V = hn::Vec<decltype(d)>;
  const std::size_t step = hn::Lanes(d);
  V any = hn::Zero(d);
  for (std::size_t begin = 0; begin < bytes; begin += step) {
    const std::size_t at = std::min(begin, bytes - step);
    V equal = hn::Not(hn::Zero(d));
    for (std::size_t p = planes.size(); p-- > 0;) {
      const V bit = hn::LoadU(d, reinterpret_cast<const std::uint8_t*>(planes[p]) + at);
      if ((limit >> p & 1) != 0) {
        equal = hn::And(equal, bit);
      } else {
        any = hn::OrAnd(any, equal, bit);
        equal = hn::AndNot(bit, equal);
      }
    }
  }
  return !hn::AllTrue(d, hn::Eq(any, hn::Zero(d)));
}

std::size_t vector_bytes() { return hn::Lanes(hn::ScalableTag<std::uint8_t>()); }

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(above);
HWY_EXPORT(vector_bytes);

bool any_count_above(std::span<const std::byte* const> planes, std::size_t bytes, std::uint64_t limit) {
  if (static_cast<std::size_t>(std::bit_width(limit)) > planes.size() || limit + 1 == std::uint64_t{1} << planes.size())
    return false;
  if (bytes < HWY_DYNAMIC_DISPATCH(vector_bytes)()) return reference::any_count_above(planes, bytes, limit);
  return HWY_DYNAMIC_DISPATCH(above)(planes, bytes, limit);
}

}  // namespace tersegrad::kernels
#endif
