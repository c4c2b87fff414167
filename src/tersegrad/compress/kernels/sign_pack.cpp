#include "tersegrad/compress/kernels/sign_pack.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sign_pack.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

SignCounts pack(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  return reference::pack_signs(x, sign_plane, zero_plane);
}

#else

constexpr std::size_t word = 64;          // coordinates of one stored word
constexpr std::size_t chunk = 64 * word;  // coordinates between two looks at `top`: 16 KiB, still in the cache

/// Adds inf and NaN of x to the counts; the rare second look at a chunk that holds one.
void count_nonfinite(std::span<const float> x, SignCounts& counts) {
  for (const float v : x) {
    counts.nonfinite += !std::isfinite(v);
    counts.nan += std::isnan(v);
  }
}

SignCounts pack(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  const Lanes32<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t whole = x.size() / word * word;
  SignCounts counts;
  for (std::size_t begin = 0; begin < whole; begin += chunk) {
    const std::size_t end = std::min(begin + chunk, whole);
    auto top = hn::Zero(di);  // largest bit pattern without its sign: inf and NaN are the largest
    for (std::size_t j = begin; j < end; j += word) {
      std::uint64_t sign = 0, nonzero = 0;
      for (std::size_t i = 0; i < word; i += lanes) {
        const auto v = hn::LoadU(d, x.data() + j + i);
        const auto positive = hn::Gt(v, hn::Zero(d));
        sign |= mask_bits(d, positive) << i;
        nonzero |= mask_bits(d, hn::Or(positive, hn::Lt(v, hn::Zero(d)))) << i;  // false for ±0 and NaN
        top = hn::Max(top, hn::And(hn::BitCast(di, v), hn::Set(di, 0x7fffffff)));
      }
      store_word(sign_plane.data() + j / 8, sign);
      store_word(zero_plane.data() + j / 8, ~nonzero);
      counts.zeros += std::popcount(~nonzero);
    }
    if (!hn::AllTrue(di, hn::Lt(top, hn::Set(di, 0x7f800000)))) count_nonfinite(x.subspan(begin, end - begin), counts);
  }
  counts.zeros -= counts.nan;
  counts += reference::pack_signs(x.subspan(whole), sign_plane.subspan(whole / 8), zero_plane.subspan(whole / 8));
  return counts;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(pack);

SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  assert(sign_plane.size() == (x.size() + 7) / 8 && zero_plane.size() == sign_plane.size());
  return HWY_DYNAMIC_DISPATCH(pack)(x, sign_plane, zero_plane);
}

namespace reference {

SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  SignCounts counts;
  for (std::size_t j = 0; j < x.size(); ++j) counts += pack_sign(x[j], j, sign_plane, zero_plane);
  return counts;
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
