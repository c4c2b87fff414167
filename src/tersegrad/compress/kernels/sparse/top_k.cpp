#include "tersegrad/compress/kernels/sparse/top_k.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <functional>
#include <numeric>

#include "tersegrad/compress/kernels/sparse/candidates.hpp"
#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/kernels/prefetch.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_TOP_K_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_TOP_K_ONCE
namespace tersegrad::kernels {
namespace {

constexpr std::uint32_t nan_key = 0x7f800001u;

/// Orders like |x|: the bits without their sign, all NaN alike and above inf.
std::uint32_t key_of(float x) { return std::min(std::bit_cast<std::uint32_t>(x) & 0x7fffffffu, nan_key); }

constexpr std::size_t word = 64;  // coordinates compared together

/// What is chosen from: numbers that lie there, or an axpby, which goes to `out` as it is made unless that is null.
struct Numbers {
  Axpby from;
  float* out = nullptr;

  std::size_t size() const { return from.size(); }
  /// Before a pass has come there.
  float before(std::size_t j) const { return from.at(j); }
  /// After that: the axpby may have taken the memory's place.
  float after(std::size_t j) const { return out == nullptr ? from.at(j) : out[j]; }
  float make(std::size_t j) const { return out == nullptr ? from.at(j) : out[j] = from.at(j); }
};

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sparse/top_k.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/dense/axpby-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE std::uint64_t at_least(const Numbers& x, std::size_t j, std::uint32_t floor) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < word; ++i) bits |= std::uint64_t{key_of(x.make(j + i)) >= floor} << i;
  return bits;
}
template <bool, bool>
HWY_INLINE std::uint64_t at_least(const Numbers& x, std::size_t j, std::uint32_t floor) {
  return at_least(x, j, floor);
}

#else

/// Bit i says whether coordinate j + i has a key of at least `floor`, i < 64.
template <bool axpby, bool stored>
HWY_INLINE std::uint64_t at_least(const Numbers& x, std::size_t j, std::uint32_t floor) {
  std::uint64_t bits = 0;
  const Lanes32<std::int32_t> d;
  const hn::RebindToFloat<decltype(d)> df;
  const AxpbyLoader load(x.from);
  for (std::size_t i = 0; i < word; i += hn::Lanes(d)) {
    hn::Vec<decltype(df)> v;
    if constexpr (axpby) {
      v = load(j + i);
    } else {
      v = hn::LoadU(df, x.from.gradient.data() + j + i);
    }
    if constexpr (stored) hn::StoreU(v, df, x.out + j + i);
    const auto magnitude = hn::And(hn::BitCast(d, v), hn::Set(d, 0x7fffffff));
    const auto key = hn::Min(magnitude, hn::Set(d, static_cast<std::int32_t>(nan_key)));
    bits |= mask_bits(d, hn::Gt(key, hn::Set(d, static_cast<std::int32_t>(floor) - 1))) << i;
  }
  return bits;
}

#endif

template <bool axpby, bool stored>
std::size_t collect_from(const Numbers& x, std::size_t begin, std::uint32_t floor, Candidates& to) {
  std::uint32_t* indices = to.indices.data() + to.count;
  std::uint32_t* keys = to.keys.data() + to.count;
  const std::uint32_t* last = to.indices.data() + to.indices.size() - word;
  std::size_t j = begin;
  for (; j + word <= x.size() && indices <= last; j += word) {
    prefetch_ahead(x.from.gradient.data() + j);
    if constexpr (axpby) prefetch_ahead(x.from.memory.data() + j);
    std::uint64_t bits = at_least<axpby, stored>(x, j, floor);
    const int count = std::popcount(bits);
    const auto take = [&](int i) HWY_ATTR {
      const auto at = j + (static_cast<std::size_t>(std::countr_zero(bits)) & 63);
      indices[i] = static_cast<std::uint32_t>(at);
      keys[i] = key_of(x.after(at));
      bits &= bits - 1;
    };
    // Two are written whether needed or not: few words hold more, so that branch is seldom mispredicted.
    take(0);
    take(1);
    for (int i = 2; i < count; ++i) take(i);
    indices += count;
    keys += count;
  }
  if (j + word > x.size()) {
    for (; j < x.size() && indices <= last; ++j) {
      const std::uint32_t key = key_of(x.make(j));
      *indices = static_cast<std::uint32_t>(j);
      *keys = key;
      indices += key >= floor;
      keys += key >= floor;
    }
  }
  to.count = static_cast<std::size_t>(indices - to.indices.data());
  return j;
}

/// Appends the coordinates from `begin` on whose key is at least `floor`, while another word's worth fits.
/// \returns where it stopped
std::size_t collect(const Numbers& x, std::size_t begin, std::uint32_t floor, Candidates& to) {
  if (x.from.memory.empty()) return collect_from<false, false>(x, begin, floor, to);
  return x.out == nullptr ? collect_from<true, false>(x, begin, floor, to)
                          : collect_from<true, true>(x, begin, floor, to);
}

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(collect);

namespace {

/// A key that a little more than k of x reach, from a sample: a guess.
/// \param expected  receives about how many that will be
std::uint32_t guess_floor(const Numbers& x, std::size_t k, Buffer<std::uint32_t>& sample,
                          std::size_t& expected) {
  const std::size_t n = x.size();
  // All of few, or an even number: n ≥ 2m leaves every stretch two coordinates.
  const std::size_t wanted = std::clamp<std::size_t>(n / 256, 4096, 65536) / 2 * 2, m = n < 2 * wanted ? n : wanted;
  if (sample.size() < m) sample.resize(m);
  if (m == n) {
    for (std::size_t j = 0; j < n; ++j) sample[j] = key_of(x.before(j));
  } else {
    // Two neighbours of each stretch, which share a line of memory mostly, at a place that no period of the coordinates
    // can follow (golden-ratio steps).
    const std::size_t places = m / 2;
    for (std::size_t place = 0; place < places; ++place) {
      const std::size_t from = place * n / places, size = (place + 1) * n / places - from;
      const std::uint64_t fraction = (place * 0x9e3779b97f4a7c15ull) >> 32;  // of 2^32
      const std::size_t at = from + (fraction * (size - 1) >> 32);
      sample[2 * place] = key_of(x.before(at));
      sample[2 * place + 1] = key_of(x.before(at + 1));
    }
  }
  const double hits = static_cast<double>(k) / static_cast<double>(n) * static_cast<double>(m);
  const auto rank = static_cast<std::size_t>(hits + 4 * std::sqrt(hits) + 4);  // four standard deviations of the count
  expected = static_cast<std::size_t>(static_cast<double>(rank) / static_cast<double>(m) * static_cast<double>(n));
  if (rank >= m) return 0;
  const auto ranked = sample.begin() + static_cast<std::ptrdiff_t>(rank);
  const auto end = sample.begin() + static_cast<std::ptrdiff_t>(m);
  if (rank < m / 16) {  // few are larger: a heap of them is seldom touched
    std::partial_sort(sample.begin(), ranked + 1, end, std::greater<>());
  } else {
    std::nth_element(sample.begin(), ranked, end, std::greater<>());
  }
  return sample[rank];
}

void choose(Numbers x, std::int64_t k, std::vector<std::uint32_t>& sorted) {
  assert(x.size() < (std::size_t{1} << 32) && k >= 0 && static_cast<std::size_t>(k) <= x.size());
  const auto kept = static_cast<std::size_t>(k);
  sorted.resize(kept);
  if (kept == 0 || kept == x.size()) {
    if (x.out != nullptr) axpby(x.from, std::span(x.out, x.size()));
    std::iota(sorted.begin(), sorted.end(), 0u);
    return;
  }
  static thread_local Candidates candidates;
  static thread_local Buffer<std::uint32_t> scratch;
  std::size_t expected = 0;
  std::uint32_t floor = guess_floor(x, kept, scratch, expected);
  const std::size_t capacity = std::min(std::max(2 * kept, expected + expected / 4) + 4096, x.size()) + word;
  candidates.indices.resize(capacity);
  candidates.keys.resize(capacity);
  for (;; floor = 0) {  // a guess that was too high leaves fewer than k: then from the bottom
    candidates.count = 0;
    for (std::size_t j = 0; j < x.size();) {
      j = HWY_DYNAMIC_DISPATCH(collect)(x, j, floor, candidates);
      // Full: only the best k so far can win, and what follows must beat the least of them (a tie is lost).
      if (j < x.size()) floor = prune(candidates, kept, scratch) + 1;
    }
    if (candidates.count >= kept) break;
    if (x.out != nullptr) x = {{std::span<const float>(x.out, x.size()), {}}};  // the axpby is there now
  }
  if (candidates.count > kept) prune(candidates, kept, scratch);
  std::copy_n(candidates.indices.begin(), kept, sorted.begin());
}

}  // namespace

void top_k(std::span<const float> x, std::int64_t k, std::vector<std::uint32_t>& sorted) {
  choose({{x, {}}}, k, sorted);
}

void top_k(const Axpby& from, std::span<float> p, std::int64_t k, std::vector<std::uint32_t>& sorted,
           std::vector<float>& values) {
  assert(from.memory.size() == from.size() && (p.empty() || p.size() == from.size()));
  const Numbers x{from, p.empty() ? nullptr : p.data()};
  choose(x, k, sorted);
  values.resize(sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) values[i] = x.after(sorted[i]);
}

namespace reference {

void top_k(std::span<const float> x, std::int64_t k, std::vector<std::uint32_t>& sorted) {
  sorted.resize(x.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::stable_sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (std::isnan(x[a]) || std::isnan(x[b])) return std::isnan(x[a]) && !std::isnan(x[b]);
    return std::abs(x[a]) > std::abs(x[b]);
  });
  sorted.resize(static_cast<std::size_t>(k));
  std::sort(sorted.begin(), sorted.end());
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
