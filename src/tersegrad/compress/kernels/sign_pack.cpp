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

SignCounts pack_feedback(std::span<const float> g, std::span<const float> memory, float scale, std::span<float> left,
                         std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  return reference::pack_signs_error_feedback(g, memory, scale, left, sign_plane, zero_plane);
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

SignCounts pack_feedback(std::span<const float> g, std::span<const float> memory, float scale, std::span<float> left,
                         std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  const Lanes32<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t whole = g.size() / word * word;
  const auto step = hn::Set(d, scale);
  SignCounts counts;
  for (std::size_t j = 0; j < whole; j += word) {
    // memory may be overwritten here, so inf and NaN are told apart at once, not by a second look.
    std::uint64_t sign = 0, nonzero = 0, finite = 0;
    for (std::size_t i = 0; i < word; i += lanes) {
      const auto e = hn::Add(hn::LoadU(d, g.data() + j + i), hn::LoadU(d, memory.data() + j + i));
      const auto positive = hn::Gt(e, hn::Zero(d));
      const auto negative = hn::Lt(e, hn::Zero(d));
      const auto magnitude = hn::And(hn::BitCast(di, e), hn::Set(di, 0x7fffffff));
      sign |= mask_bits(d, positive) << i;
      nonzero |= mask_bits(d, hn::Or(positive, negative)) << i;
      finite |= mask_bits(di, hn::Lt(magnitude, hn::Set(di, 0x7f800000))) << i;
      const auto rest = hn::IfThenElse(positive, hn::Sub(e, step), hn::IfThenElse(negative, hn::Add(e, step), e));
      hn::StoreU(rest, d, left.data() + j + i);
    }
    store_word(sign_plane.data() + j / 8, sign);
    store_word(zero_plane.data() + j / 8, ~nonzero);
    counts.zeros += std::popcount(finite & ~nonzero);
    counts.nonfinite += std::popcount(~finite);
    counts.nan += std::popcount(~(finite | nonzero));
  }
  counts += reference::pack_signs_error_feedback(g.subspan(whole), memory.subspan(whole), scale, left.subspan(whole),
                                                 sign_plane.subspan(whole / 8), zero_plane.subspan(whole / 8));
  return counts;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(pack);
HWY_EXPORT(pack_feedback);

SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  assert(sign_plane.size() == (x.size() + 7) / 8 && zero_plane.size() == sign_plane.size());
  return HWY_DYNAMIC_DISPATCH(pack)(x, sign_plane, zero_plane);
}

SignCounts pack_signs_error_feedback(std::span<const float> g, std::span<const float> memory, float scale,
                                     std::span<float> left, std::span<std::byte> sign_plane,
                                     std::span<std::byte> zero_plane) {
  assert(memory.size() == g.size() && left.size() == g.size());
  assert(sign_plane.size() == (g.size() + 7) / 8 && zero_plane.size() == sign_plane.size());
  return HWY_DYNAMIC_DISPATCH(pack_feedback)(g, memory, scale, left, sign_plane, zero_plane);
}

namespace reference {
namespace {

/// Packs value(j), j = 0 … n − 1.
template <class Value>
SignCounts pack_values(std::size_t n, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane, Value&& value) {
  SignCounts counts;
  for (std::size_t j = 0; j < n; ++j) {
    if (j % 8 == 0) sign_plane[j / 8] = zero_plane[j / 8] = std::byte{0};
    const float v = value(j);
    const auto bit = static_cast<std::byte>(1u << (j % 8));
    if (v > 0) sign_plane[j / 8] |= bit;
    if (!(v > 0) && !(v < 0)) zero_plane[j / 8] |= bit;
    counts.zeros += v == 0;
    counts.nonfinite += !std::isfinite(v);
    counts.nan += std::isnan(v);
  }
  return counts;
}

}  // namespace

SignCounts pack_signs(std::span<const float> x, std::span<std::byte> sign_plane, std::span<std::byte> zero_plane) {
  return pack_values(x.size(), sign_plane, zero_plane, [&](std::size_t j) { return x[j]; });
}

SignCounts pack_signs_error_feedback(std::span<const float> g, std::span<const float> memory, float scale,
                                     std::span<float> left, std::span<std::byte> sign_plane,
                                     std::span<std::byte> zero_plane) {
  return pack_values(g.size(), sign_plane, zero_plane, [&](std::size_t j) {
    const float e = g[j] + memory[j];
    left[j] = e > 0 ? e - scale : e < 0 ? e + scale : e;
    return e;
  });
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
