#include "tersegrad/compress/kernels/uniform_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/uniform_words.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // vectors are kept in a struct

std::size_t whole_vectors(const Stream&, std::uint64_t, std::byte*, std::size_t) { return 0; }

#else

using Wide = hn::CappedTag<std::uint64_t, 8>;
using Words = hn::Repartition<std::uint32_t, Wide>;
using Vector = hn::Vec<Wide>;

/// The keys of the ten rounds, each in the low half of a 64-bit word.
struct Keys {
  std::array<std::uint64_t, 10> first, second;
  explicit Keys(std::array<std::uint32_t, 2> key) {
    for (std::size_t round = 0; round < 10; ++round) {
      first[round] = key[0];
      second[round] = key[1];
      key[0] += 0x9E3779B9u;
      key[1] += 0xBB67AE85u;
    }
  }
};

/// a's low words and b's side by side: one 64-bit lane holds two words of its block.
HWY_INLINE Vector pair_up(Vector a, Vector b) {
  return hn::BitCast(Wide(), hn::OddEven(hn::BitCast(Words(), hn::ShiftLeft<32>(b)), hn::BitCast(Words(), a)));
}

/// Blocks of Philox4x32-10 (Salmon et al. 2011), one in each 64-bit lane, whose low half holds the word: a product's two
/// halves are then a shift and nothing.
struct Blocks {
  Vector w0, w1, w2, w3;

  HWY_INLINE void begin(Vector block, const std::array<std::uint32_t, 4>& counter) {
    const Wide d;
    w0 = block;
    w1 = hn::Set(d, std::uint64_t{counter[1]});
    w2 = hn::Set(d, std::uint64_t{counter[2]});
    w3 = hn::Or(hn::Set(d, std::uint64_t{counter[3]}), hn::ShiftLeft<16>(hn::ShiftRight<32>(block)));
  }
  HWY_INLINE void round(Vector key0, Vector key1) {
    const auto first = hn::MulEven(hn::BitCast(Words(), w0), hn::Set(Words(), 0xD2511F53u));
    const auto second = hn::MulEven(hn::BitCast(Words(), w2), hn::Set(Words(), 0xCD9E8D57u));
    w0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(second), w1), key0);
    w2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(first), w3), key1);
    w1 = second;
    w3 = first;
  }
  HWY_INLINE void store(std::byte* to) const {
    hn::StoreInterleaved2(pair_up(w0, w1), pair_up(w2, w3), Wide(), reinterpret_cast<std::uint64_t*>(to));
  }
};

/// \param out  at any multiple of 2 bytes \param n  words \returns how many were written, whole turns only
std::size_t whole_vectors(const Stream& stream, std::uint64_t first_block, std::byte* out, std::size_t n) {
  const Wide d;
  const std::size_t lanes = hn::Lanes(d);
  const auto counter = stream.counter();
  const Keys keys(stream.key());
  const auto iota = hn::Iota(d, 0);  // out of the loop: made by scalar stores
  const auto blocks = [&](std::size_t at) HWY_ATTR { return hn::Add(iota, hn::Set(d, first_block + at)); };
  std::size_t i = 0;
  // A round waits for the one before it: four sets of blocks by turns keep the multipliers busy meanwhile.
  for (; i + 16 * lanes <= n; i += 16 * lanes) {
    Blocks a, b, c, e;
    a.begin(blocks(i / 4), counter);
    b.begin(blocks(i / 4 + lanes), counter);
    c.begin(blocks(i / 4 + 2 * lanes), counter);
    e.begin(blocks(i / 4 + 3 * lanes), counter);
    HWY_UNROLL(10)
    for (std::size_t round = 0; round < 10; ++round) {
      const auto key0 = hn::Set(d, keys.first[round]), key1 = hn::Set(d, keys.second[round]);
      a.round(key0, key1);
      b.round(key0, key1);
      c.round(key0, key1);
      e.round(key0, key1);
    }
    a.store(out + 4 * i);
    b.store(out + 4 * (i + 4 * lanes));
    c.store(out + 4 * (i + 8 * lanes));
    e.store(out + 4 * (i + 12 * lanes));
  }
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    Blocks a;
    a.begin(blocks(i / 4), counter);
    for (std::size_t round = 0; round < 10; ++round) {
      a.round(hn::Set(d, keys.first[round]), hn::Set(d, keys.second[round]));
    }
    a.store(out + 4 * i);
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
  const auto bytes = std::as_writable_bytes(out);
  const std::size_t done = HWY_DYNAMIC_DISPATCH(whole_vectors)(stream, first_block, bytes.data(), out.size());
  stream.fill(first_block + done / 4, out.subspan(done));
}

void fill_halfwords(const Stream& stream, std::uint64_t first_block, std::span<std::uint16_t> out) {
  const auto bytes = std::as_writable_bytes(out);
  std::size_t words = HWY_DYNAMIC_DISPATCH(whole_vectors)(stream, first_block, bytes.data(), out.size() / 2);
  for (; 4 * words < bytes.size(); words += 4) {
    const auto block = stream.block(first_block + words / 4);
    std::memcpy(bytes.data() + 4 * words, block.data(), std::min(sizeof block, bytes.size() - 4 * words));
  }
}

}  // namespace tersegrad::kernels
#endif
