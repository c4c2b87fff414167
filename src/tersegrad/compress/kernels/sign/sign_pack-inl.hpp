// The vectors' pass over a source of signs (sign_source.hpp), once for each instruction set.
#if defined(TERSEGRAD_COMPRESS_KERNELS_SIGN_PACK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TERSEGRAD_COMPRESS_KERNELS_SIGN_PACK_INL_HPP
#undef TERSEGRAD_COMPRESS_KERNELS_SIGN_PACK_INL_HPP
#else
#define TERSEGRAD_COMPRESS_KERNELS_SIGN_PACK_INL_HPP
#endif

#include <bit>

#include "tersegrad/compress/kernels/sign/sign_source.hpp"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR && !HWY_HAVE_SCALABLE  // the sums are kept in an array

/// \tparam Load  the source's vectors: made of it; open_word(j) comes before every 64 coordinates, next(j, i) is p of
/// lanes j, j + 1, … of which the first is number i of those 64 \param signs, zeros  [⌈n/8⌉]
template <class Load, class Source>
HWY_INLINE SignTotals pack_from(const Source& source, std::size_t n, Plane signs, Plane zeros) {
  constexpr std::size_t word = 64;          // coordinates of one stored word
  constexpr std::size_t chunk = 64 * word;  // coordinates between two looks for what is not finite: still in the cache
  const Lanes32<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::CappedTag<double, 8> dd;
  using V = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d), whole = n / word * word;
  constexpr std::size_t vectors = sum_lanes / hn::MaxLanes(dd);
  hn::Vec<decltype(dd)> magnitudes[vectors];
  for (auto& sum : magnitudes) sum = hn::Zero(dd);
  Load load(source);
  SignTotals totals;
  SignCounts& counts = totals.counts;
  for (std::size_t begin = 0; begin < whole; begin += chunk) {
    const std::size_t end = std::min(begin + chunk, whole);
    auto top = hn::Zero(di);  // largest bit pattern without its sign: inf and NaN are the largest
    for (std::size_t j = begin; j < end; j += word) {
      std::uint64_t sign = 0, nonzero = 0;
      load.open_word(j);
      for (std::size_t q = 0; q < word; q += sum_lanes) {
        for (std::size_t v = 0; v < sum_lanes / hn::MaxLanes(d); ++v) {
          const std::size_t i = q + v * lanes;
          const V p = load.next(j + i, i);
          const auto positive = hn::Gt(p, hn::Zero(d));
          sign |= mask_bits(d, positive) << i;
          nonzero |= mask_bits(d, hn::Or(positive, hn::Lt(p, hn::Zero(d)))) << i;  // false for ±0 and NaN
          top = hn::Max(top, hn::And(hn::BitCast(di, p), hn::Set(di, 0x7fffffff)));
          if constexpr (Source::measures) {
            const hn::Rebind<float, decltype(dd)> half;
            const V size = hn::Abs(p);
            magnitudes[2 * v] = hn::Add(magnitudes[2 * v], hn::PromoteTo(dd, hn::LowerHalf(half, size)));
            magnitudes[2 * v + 1] = hn::Add(magnitudes[2 * v + 1], hn::PromoteTo(dd, hn::UpperHalf(half, size)));
          }
        }
      }
      store_word(signs.data() + j / 8, sign);
      store_word(zeros.data() + j / 8, ~nonzero);
      counts.zeros += std::popcount(~nonzero);
    }
    if (!hn::AllTrue(di, hn::Lt(top, hn::Set(di, 0x7f800000)))) {  // rare
      for (std::size_t j = begin; j < end; ++j) {
        const float p = source.again(j);
        counts.nonfinite += !std::isfinite(p);
        counts.nan += std::isnan(p);
      }
    }
  }
  counts.zeros -= counts.nan;
  alignas(64) LaneSums<double> sums;
  for (std::size_t v = 0; v < vectors; ++v) hn::Store(magnitudes[v], dd, sums.data() + v * hn::MaxLanes(dd));
  pack_rest(source, whole, n, signs, zeros, totals, sums);
  totals.magnitudes = total(sums);
  return totals;
}

#endif

}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
