#include "tersegrad/compress/kernels/dense/apply.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <vector>

#include "tersegrad/core/kernels/prefetch.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_APPLY_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_APPLY_ONCE
namespace tersegrad::kernels {
namespace {

using Planes = std::span<const std::byte* const>;

/// u = scale · (factor · count + offset)
struct Map {
  float scale;
  std::int32_t offset;
  std::int32_t factor;

  /// Whether every s of that many planes is in [−128, 127].
  bool fits_a_byte(std::size_t planes) const {
    if (planes > 8) return false;
    const std::int64_t other = offset + ((std::int64_t{1} << planes) - 1) * factor;
    return std::min<std::int64_t>(offset, other) >= -128 && std::max<std::int64_t>(offset, other) <= 127;
  }
};

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/dense/apply.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

std::size_t decode(Planes, std::span<float>, const Map&) { return 0; }
std::size_t apply(Planes, std::span<float>, const Map&, float) { return 0; }

#else

constexpr std::size_t word = 64;  // coordinates decoded together

/// out[i] ← first + Σ_p weight·2^p·bit of coordinate 8·byte + i, i < 64, modulo 256; planes `from` to `to`.
HWY_INLINE void sum_bytes(Planes planes, std::size_t from, std::size_t to, std::size_t byte, int first, int weight,
                          std::uint8_t* out) {
  const hn::CappedTag<std::uint8_t, word> d;
  for (std::size_t i = 0; i < word; i += hn::Lanes(d)) {
    auto sum = hn::Set(d, static_cast<std::uint8_t>(first));
    for (std::size_t p = from; p < to; ++p) {
      const auto* bits = reinterpret_cast<const std::uint8_t*>(planes[p] + byte + i / 8);
      const auto value = hn::Set(d, static_cast<std::uint8_t>(weight << (p - from)));
      sum = hn::Add(sum, hn::IfThenElseZero(hn::LoadMaskBits(d, bits), value));
    }
    hn::StoreU(sum, d, out + i);
  }
}

/// use(j, v) with v = fl(scale · s) of lanes j, j + 1, …; returns how many coordinates were done, a multiple of 64.
/// \param to  what `use` changes: fetched ahead
template <class Use>
HWY_INLINE std::size_t for_each(Planes planes, std::span<float> to, const Map& map, Use&& use) {
  if (planes.size() > 16) return 0;
  const Lanes32<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<std::uint8_t, decltype(d)> du8;
  const hn::Rebind<std::int8_t, decltype(d)> di8;
  const auto scale = hn::Set(d, map.scale);
  const std::size_t whole = to.size() / word * word;
  HWY_ALIGN std::uint8_t low[word], high[word];
  if (map.fits_a_byte(planes.size())) {
    // Few agents: s itself is added up, 8 bits a coordinate.
    for (std::size_t j = 0; j < whole; j += word) {
      prefetch_ahead(to.data() + j);
      sum_bytes(planes, 0, planes.size(), j / 8, map.offset, map.factor, low);
      for (std::size_t i = 0; i < word; i += hn::Lanes(d)) {
        const auto sum = hn::PromoteTo(di, hn::BitCast(di8, hn::LoadU(du8, low + i)));
        use(j + i, hn::Mul(scale, hn::ConvertTo(d, sum)));
      }
    }
    return whole;
  }
  const auto offset = hn::Set(d, static_cast<float>(map.offset)), factor = hn::Set(d, static_cast<float>(map.factor));
  for (std::size_t j = 0; j < whole; j += word) {
    prefetch_ahead(to.data() + j);
    sum_bytes(planes, 0, std::min<std::size_t>(planes.size(), 8), j / 8, 0, 1, low);
    if (planes.size() > 8) sum_bytes(planes, 8, planes.size(), j / 8, 0, 1, high);
    for (std::size_t i = 0; i < word; i += hn::Lanes(d)) {
      auto count = hn::PromoteTo(di, hn::LoadU(du8, low + i));
      if (planes.size() > 8) count = hn::Or(count, hn::ShiftLeft<8>(hn::PromoteTo(di, hn::LoadU(du8, high + i))));
      const auto sum = hn::MulAdd(hn::ConvertTo(d, count), factor, offset);  // exact, however often rounded
      use(j + i, hn::Mul(scale, sum));
    }
  }
  return whole;
}

std::size_t decode(Planes planes, std::span<float> out, const Map& map) {
  const Lanes32<float> d;
  return for_each(planes, out, map, [&](std::size_t j, auto u) HWY_ATTR { hn::StoreU(u, d, out.data() + j); });
}

std::size_t apply(Planes planes, std::span<float> x, const Map& map, float step) {
  const Lanes32<float> d;
  const auto eta = hn::Set(d, step);
  return for_each(planes, x, map, [&](std::size_t j, auto u) HWY_ATTR {
    hn::StoreU(hn::Sub(hn::LoadU(d, x.data() + j), hn::Mul(eta, u)), d, x.data() + j);
  });
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(decode);
HWY_EXPORT(apply);

namespace {

void check(Planes planes, std::int32_t offset, std::int32_t factor) {
  (void)planes, (void)offset, (void)factor;
  assert(!planes.empty() && planes.size() <= 24);
  assert(std::abs(offset) <= 1 << 23 && (std::int64_t{std::abs(factor)} << planes.size()) <= 1 << 24);
}

std::vector<const std::byte*> advanced(Planes planes, std::size_t bytes) {
  std::vector<const std::byte*> out(planes.begin(), planes.end());
  for (auto& plane : out) plane += bytes;
  return out;
}

}  // namespace

void decode_counts(Planes planes, std::span<float> out, float scale, std::int32_t offset, std::int32_t factor) {
  check(planes, offset, factor);
  const Map map{scale, offset, factor};
  const std::size_t done = HWY_DYNAMIC_DISPATCH(decode)(planes, out, map);
  if (done < out.size()) {
    reference::decode_counts(advanced(planes, done / 8), out.subspan(done), scale, offset, factor);
  }
}

void apply_counts(Planes planes, std::span<float> x, float scale, std::int32_t offset, std::int32_t factor,
                  float step) {
  check(planes, offset, factor);
  const Map map{scale, offset, factor};
  const std::size_t done = HWY_DYNAMIC_DISPATCH(apply)(planes, x, map, step);
  if (done < x.size()) {
    reference::apply_counts(advanced(planes, done / 8), x.subspan(done), scale, offset, factor, step);
  }
}

namespace reference {
namespace {

float sum_of_signs(Planes planes, std::size_t j, std::int32_t offset, std::int32_t factor) {
  std::int32_t count = 0;
  for (std::size_t p = 0; p < planes.size(); ++p) {
    count += std::to_integer<std::int32_t>(planes[p][j / 8] >> (j % 8) & std::byte{1}) << p;
  }
  return static_cast<float>(factor * count + offset);
}

}  // namespace

void decode_counts(Planes planes, std::span<float> out, float scale, std::int32_t offset, std::int32_t factor) {
  for (std::size_t j = 0; j < out.size(); ++j) out[j] = scale * sum_of_signs(planes, j, offset, factor);
}

void apply_counts(Planes planes, std::span<float> x, float scale, std::int32_t offset, std::int32_t factor,
                  float step) {
  for (std::size_t j = 0; j < x.size(); ++j) {
    const float u = scale * sum_of_signs(planes, j, offset, factor);
    x[j] = x[j] - step * u;
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
