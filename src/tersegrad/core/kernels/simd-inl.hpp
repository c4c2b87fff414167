// What the vector kernels share, once for each instruction set (included again by every pass of foreach_target).
#if defined(TERSEGRAD_CORE_KERNELS_SIMD_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TERSEGRAD_CORE_KERNELS_SIMD_INL_HPP
#undef TERSEGRAD_CORE_KERNELS_SIMD_INL_HPP
#else
#define TERSEGRAD_CORE_KERNELS_SIMD_INL_HPP
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"

static_assert(std::endian::native == std::endian::little, "bit planes are stored as little-endian words");

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Lanes of 32 bits, at most 16 of them: a mask fits 16 bits and 64 is a multiple.
template <class T>
using Lanes32 = hn::CappedTag<T, 16>;

/// Bit i is lane i of the mask.
template <class D, class M>
HWY_INLINE std::uint64_t mask_bits(D d, M mask) {
#if HWY_HAVE_SCALABLE
  std::uint64_t bits = 0;
  hn::StoreMaskBits(d, mask, reinterpret_cast<std::uint8_t*>(&bits));
  return bits;
#else
  // A word of exactly the stored width stays in a register; a wider one would go through memory.
  if constexpr (hn::MaxLanes(d) > 8) {
    std::uint16_t bits = 0;
    hn::StoreMaskBits(d, mask, reinterpret_cast<std::uint8_t*>(&bits));
    return bits;
  } else {
    std::uint8_t bits = 0;
    hn::StoreMaskBits(d, mask, &bits);
    return bits;
  }
#endif
}

/// The mask whose lane i is bit i.
template <class D>
HWY_INLINE auto mask_of(D d, std::uint64_t bits) {
  return hn::LoadMaskBits(d, reinterpret_cast<const std::uint8_t*>(&bits));
}

#if HWY_TARGET != HWY_SCALAR

/// Sum of the lanes, a power of two of them: in pairs a half apart, their sums in pairs, and so on. The order is the
/// same whatever the vectors' length.
template <class D>
HWY_INLINE hn::TFromD<D> folded(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(d) == 1) {
    return hn::GetLane(v);
  } else {
    const hn::Half<D> half;
    return folded(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

#endif

HWY_INLINE void store_word(std::byte* to, std::uint64_t word) { std::memcpy(to, &word, 8); }

HWY_INLINE std::uint64_t load_word(const std::byte* from) {
  std::uint64_t word;
  std::memcpy(&word, from, 8);
  return word;
}

}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
