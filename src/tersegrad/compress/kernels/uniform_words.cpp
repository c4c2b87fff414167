#include "tersegrad/compress/kernels/uniform_words.hpp"

#include <array>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/uniform_words.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

std::size_t whole_vectors(const Stream&, std::uint64_t, std::span<std::uint32_t>) { return 0; }

#else

using Wide = hn::CappedTag<std::uint64_t, 8>;
using Words = hn::Repartition<std::uint32_t, Wide>;

/// a's low words and b's side by side: one 64-bit lane holds two words of its block.
HWY_INLINE hn::Vec<Wide> pair_up(hn::Vec<Wide> a, hn::Vec<Wide> b) {
  return hn::BitCast(Wide(), hn::OddEven(hn::BitCast(Words(), hn::ShiftLeft<32>(b)), hn::BitCast(Words(), a)));
}

/// Philox4x32-10 (Salmon et al. 2011) with one block in each 64-bit lane, whose low half holds the word: a product's
/// two halves are then a shift and nothing. \returns the words written, whole vectors only
std::size_t whole_vectors(const Stream& stream, std::uint64_t first_block, std::span<std::uint32_t> out) {
  const Wide d;
  const std::size_t lanes = hn::Lanes(d);
  const auto counter = stream.counter();
  const auto key = stream.key();
  const auto multiplier0 = hn::Set(Words(), 0xD2511F53u), multiplier1 = hn::Set(Words(), 0xCD9E8D57u);
  std::size_t i = 0;
  for (; i + 4 * lanes <= out.size(); i += 4 * lanes) {
    const auto block = hn::Iota(d, first_block + i / 4);
    auto w0 = block, w1 = hn::Set(d, counter[1]), w2 = hn::Set(d, counter[2]);
    auto w3 = hn::Or(hn::Set(d, counter[3]), hn::ShiftLeft<16>(hn::ShiftRight<32>(block)));
    std::uint32_t key0 = key[0], key1 = key[1];
    for (int round = 0; round < 10; ++round) {
      const auto first = hn::MulEven(hn::BitCast(Words(), w0), multiplier0);
      const auto second = hn::MulEven(hn::BitCast(Words(), w2), multiplier1);
      w0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(second), w1), hn::Set(d, std::uint64_t{key0}));
      w2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(first), w3), hn::Set(d, std::uint64_t{key1}));
      w1 = second;
      w3 = first;
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    hn::StoreInterleaved2(pair_up(w0, w1), pair_up(w2, w3), d, reinterpret_cast<std::uint64_t*>(out.data() + i));
  }
  return i;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(whole_vectors);

void fill_words(const Stream& stream, std::uint64_t first_block, std::span<std::uint32_t> out) {
  const std::size_t done = HWY_DYNAMIC_DISPATCH(whole_vectors)(stream, first_block, out);
  stream.fill(first_block + done / 4, out.subspan(done));
}

}  // namespace tersegrad::kernels
#endif
