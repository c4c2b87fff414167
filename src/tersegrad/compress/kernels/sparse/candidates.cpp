#include "tersegrad/compress/kernels/sparse/candidates.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sparse/candidates.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

/// Smallest and largest of the keys, at least one.
std::pair<std::uint32_t, std::uint32_t> extremes(std::span<const std::uint32_t> keys) {
  std::size_t i = 0;
  std::uint32_t least = keys[0], most = keys[0];
#if HWY_TARGET != HWY_SCALAR
  const Lanes32<std::uint32_t> d;
  const std::size_t lanes = hn::Lanes(d);
  auto low = hn::Set(d, least), high = low;
  for (; i + lanes <= keys.size(); i += lanes) {
    const auto v = hn::LoadU(d, keys.data() + i);
    low = hn::Min(low, v);
    high = hn::Max(high, v);
  }
  least = hn::GetLane(hn::MinOfLanes(d, low));
  most = hn::GetLane(hn::MaxOfLanes(d, high));
#endif
  for (; i < keys.size(); ++i) {
    least = std::min(least, keys[i]);
    most = std::max(most, keys[i]);
  }
  return {least, most};
}

/// The keys that are `digit` when `from` is subtracted and they are shifted, in order. \param to  [keys.size()], may be
/// the keys \returns how many
std::size_t with_digit(std::span<const std::uint32_t> keys, std::uint32_t from, int shift, std::uint32_t digit,
                       std::uint32_t* to) {
  std::size_t i = 0, kept = 0;
#if HWY_TARGET != HWY_SCALAR
  const Lanes32<std::uint32_t> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto base = hn::Set(d, from), wanted = hn::Set(d, digit);
  for (; i + lanes <= keys.size(); i += lanes) {
    const auto v = hn::LoadU(d, keys.data() + i);
    const auto same = hn::Eq(hn::ShiftRightSame(hn::Sub(v, base), shift), wanted);
    hn::StoreU(hn::Compress(v, same), d, to + kept);  // not CompressStore: slow where it masks what it stores
    kept += hn::CountTrue(d, same);
  }
#endif
  for (; i < keys.size(); ++i) {
    const std::uint32_t key = keys[i];
    to[kept] = key;
    kept += (key - from) >> shift == digit;
  }
  return kept;
}

/// Leaves the candidates whose key is at least `floor`.
void keep(Candidates& candidates, std::uint32_t floor) {
  std::size_t i = 0, kept = 0;
  std::uint32_t* const indices = candidates.indices.data();
  std::uint32_t* const keys = candidates.keys.data();
#if HWY_TARGET != HWY_SCALAR
  const Lanes32<std::uint32_t> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(d, floor);
  for (; i + lanes <= candidates.count; i += lanes) {  // what is stored lies before what is still to be loaded
    const auto key = hn::LoadU(d, keys + i), index = hn::LoadU(d, indices + i);
    const auto enough = hn::Eq(hn::Max(key, least), key);
    hn::StoreU(hn::Compress(key, enough), d, keys + kept);
    hn::StoreU(hn::Compress(index, enough), d, indices + kept);
    kept += hn::CountTrue(d, enough);
  }
#endif
  for (; i < candidates.count; ++i) {
    const std::uint32_t key = keys[i];
    keys[kept] = key;
    indices[kept] = indices[i];
    kept += key >= floor;
  }
  candidates.count = kept;
}

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(extremes);
HWY_EXPORT(with_digit);
HWY_EXPORT(keep);

namespace {

/// The k-th largest of the keys, and how many are larger.
struct Kth {
  std::uint32_t key;
  std::size_t larger = 0;
};

/// By radix selection of what they have beyond the smallest, 11 bits a pass from its leading one on: candidates are
/// near to each other, and fall into many bins so: few keys need a second look. \param k  1 to keys.size()
Kth kth_largest(std::span<const std::uint32_t> keys, std::size_t k, Buffer<std::uint32_t>& scratch) {
  constexpr int most_bits = 11;
  const auto [smallest, largest] = HWY_DYNAMIC_DISPATCH(extremes)(keys);
  Kth found{smallest};
  for (int bits = static_cast<int>(std::bit_width(largest - smallest));;) {
    const int shift = std::max(0, bits - most_bits);
    std::array<std::uint32_t, 1 << most_bits> histogram{};
    for (const auto key : keys) ++histogram[(key - found.key) >> shift];
    std::uint32_t digit = (1u << (bits - shift)) - 1;
    for (; found.larger + histogram[digit] < k; --digit) found.larger += histogram[digit];
    const std::uint32_t from = found.key;
    found.key += digit << shift;
    if (shift == 0) return found;
    if (scratch.size() < keys.size()) scratch.resize(keys.size());
    keys = {scratch.data(), HWY_DYNAMIC_DISPATCH(with_digit)(keys, from, shift, digit, scratch.data())};
    bits = shift;
  }
}

}  // namespace

std::uint32_t prune(Candidates& candidates, std::size_t k, Buffer<std::uint32_t>& scratch) {
  const Kth kth = kth_largest(std::span(candidates.keys).first(candidates.count), k, scratch);
  HWY_DYNAMIC_DISPATCH(keep)(candidates, kth.key);
  if (candidates.count == k) return kth.key;
  std::size_t kept = 0, ties = k - kth.larger;  // the first of those that are equal win
  for (std::size_t i = 0; i < candidates.count; ++i) {
    const std::uint32_t key = candidates.keys[i];
    const bool tie = key == kth.key && ties > 0;
    candidates.indices[kept] = candidates.indices[i];
    candidates.keys[kept] = key;
    ties -= tie;
    kept += tie || key > kth.key;
  }
  candidates.count = kept;
  return kth.key;
}

}  // namespace tersegrad::kernels
#endif
