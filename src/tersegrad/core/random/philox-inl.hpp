// Philox4x32-10 on Highway vectors: the words of core/random.hpp's Stream, several blocks at a time.
// Included once per SIMD target, by a file that iterates over the targets.
#include <array>
#include <cstdint>

#include "hwy/highway.h"
#include "tersegrad/core/random/random.hpp"

#if defined(TERSEGRAD_CORE_PHILOX_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TERSEGRAD_CORE_PHILOX_INL_HPP
#undef TERSEGRAD_CORE_PHILOX_INL_HPP
#else
#define TERSEGRAD_CORE_PHILOX_INL_HPP
#endif

HWY_BEFORE_NAMESPACE();
namespace tersegrad::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A target with one lane (SCALAR) has no place for two words beside each other: it draws block by block
// (Stream::block), and these classes do not exist there.
#if HWY_TARGET != HWY_SCALAR

using Wide = hn::ScalableTag<std::uint64_t>;
using Words = hn::Repartition<std::uint32_t, Wide>;

/// Word w of one block per 64-bit lane, in the lane's low half; the high half holds what is left of the arithmetic.
struct Blocks {
  hn::Vec<Wide> w0, w1, w2, w3;
};

/// Draws the blocks whose numbers stand in 64-bit lanes.
///
/// Philox (Salmon et al. 2011) is a chain of 32×32→64 products. One block per 64-bit lane makes a product's two
/// halves a shuffle and nothing, where four-byte lanes need shuffles and blends: six instructions a round for all lanes
/// (eight where three numbers take two for an exclusive or). A round waits for the one before it: whoever has nothing
/// else to do meanwhile takes several sets of blocks through the rounds by turns.
class PhiloxVector {
 public:
  static constexpr std::size_t rounds = 10;

  explicit PhiloxVector(const Stream& stream) : counter_(stream.counter()) {
    std::array<std::uint32_t, 2> key = stream.key();
    for (auto& of_round : keys_) {
      of_round = {key[0], key[1]};
      key[0] += 0x9E3779B9u;
      key[1] += 0xBB67AE85u;
    }
  }

  /// The counters of blocks, which `rounds` rounds turn into their words.
  HWY_INLINE Blocks begin(hn::Vec<Wide> block) const {
    const Wide d;
    return {block, hn::Set(d, counter_[1]), hn::Set(d, counter_[2]),
            hn::Or(hn::Set(d, counter_[3]), hn::ShiftLeft<16>(hn::ShiftRight<32>(block)))};
  }
  HWY_INLINE void round(std::size_t i, Blocks& c) const {
    const Wide d;
    const auto first = hn::MulEven(hn::BitCast(Words(), c.w0), hn::Set(Words(), 0xD2511F53u));
    const auto second = hn::MulEven(hn::BitCast(Words(), c.w2), hn::Set(Words(), 0xCD9E8D57u));
    c = {hn::Xor3(upper(second), c.w1, hn::Set(d, keys_[i][0])), second,
         hn::Xor3(upper(first), c.w3, hn::Set(d, keys_[i][1])), first};
  }
  HWY_INLINE Blocks operator()(hn::Vec<Wide> block) const {
    Blocks c = begin(block);
    for (std::size_t i = 0; i < rounds; ++i) round(i, c);
    return c;
  }

 private:
  /// The upper words in the lower halves: a shuffle, as shifts and products wait for the same unit of many processors.
  static HWY_INLINE hn::Vec<Wide> upper(hn::Vec<Wide> product) {
    return hn::BitCast(Wide(), hn::Shuffle2301(hn::BitCast(Words(), product)));
  }

  std::array<std::uint32_t, 4> counter_;
  std::array<std::array<std::uint64_t, 2>, rounds> keys_;  ///< each in the low half of a 64-bit word
};

/// (low words of `even`, low words of `odd`) alternating: two words of each lane's block side by side.
HWY_INLINE hn::Vec<Words> side_by_side(hn::Vec<Wide> even, hn::Vec<Wide> odd) {
  return hn::OddEven(hn::BitCast(Words(), hn::ShiftLeft<32>(odd)), hn::BitCast(Words(), even));
}

/// Block numbers of the lanes, relative to the first, such that interleaving two vectors of 64-bit halves (which
/// works within 128 bits) leaves the blocks in order: 0, Q, 1, Q + 1, … where Q is half the number of lanes.
HWY_INLINE hn::Vec<Wide> interleaving_order() {
  const Wide d;
  const std::size_t half = hn::Lanes(d) / 2;
  HWY_ALIGN std::uint64_t order[hn::MaxLanes(Wide())];
  for (std::size_t i = 0; i < half; ++i) {
    order[2 * i] = i;
    order[2 * i + 1] = half + i;
  }
  return hn::Load(d, order);
}

#endif  // HWY_TARGET != HWY_SCALAR

}  // namespace tersegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
