#include "tersegrad/compress/kernels/quantized/uniform_words.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/quantized/uniform_words.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"
#include "tersegrad/core/random/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // vectors are kept in a struct

std::size_t whole_vectors(const Stream&, std::uint64_t, std::byte*, std::size_t) { return 0; }

#else

namespace philox = tersegrad::HWY_NAMESPACE;

/// Sets of blocks by turns, a set a vector's lanes. \param out  4·lanes words of each, at any multiple of 2 bytes
template <std::size_t sets>
HWY_INLINE void draw(const philox::PhiloxVector& draws, std::uint64_t first_block, std::byte* out) {
  const philox::Wide d;
  const std::size_t lanes = hn::Lanes(d);
  const auto first = hn::Add(hn::Iota(d, 0), hn::Set(d, first_block));
  philox::Blocks of[sets];
  for (std::size_t i = 0; i < sets; ++i) of[i] = draws.begin(hn::Add(first, hn::Set(d, i * lanes)));
  HWY_UNROLL(10)
  for (std::size_t round = 0; round < draws.rounds; ++round) {
    for (auto& set : of) draws.round(round, set);
  }
  for (const auto& w : of) {
    hn::StoreInterleaved2(hn::BitCast(d, philox::side_by_side(w.w0, w.w1)),
                          hn::BitCast(d, philox::side_by_side(w.w2, w.w3)), d, reinterpret_cast<std::uint64_t*>(out));
    out += 16 * lanes;
  }
}

/// \param out  at any multiple of 2 bytes \param n  words \returns how many were written, whole vectors only
std::size_t whole_vectors(const Stream& stream, std::uint64_t first_block, std::byte* out, std::size_t n) {
  const std::size_t lanes = hn::Lanes(philox::Wide());
  const philox::PhiloxVector draws(stream);
  std::size_t i = 0;
  for (; i + 16 * lanes <= n; i += 16 * lanes) draw<4>(draws, first_block + i / 4, out + 4 * i);
  for (; i + 4 * lanes <= n; i += 4 * lanes) draw<1>(draws, first_block + i / 4, out + 4 * i);
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
