#include "tersegrad/compress/kernels/sign/planes.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sign/planes.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

using Bytes = std::uint8_t;

#if HWY_TARGET != HWY_SCALAR

using D = hn::ScalableTag<Bytes>;
using V = hn::Vec<D>;

// The sums of a block stay in the second-level cache while all inputs pass over it.
constexpr std::size_t block_bytes = 16384;

/// Full adder on bits: a ← a ⊕ b ⊕ c; returns the majority, the carry.
HWY_INLINE V add(V& a, V b, V c) {
  const V half = hn::Xor(a, b);
  const V carry = hn::OrAnd(hn::And(a, b), half, c);
  a = hn::Xor(half, c);
  return carry;
}

/// The planes of one count within a block. `live`: those above are still zero and were not written yet.
struct Sums {
  Bytes* const* planes;
  int live;
  int planes_count;
};

HWY_INLINE V load(const Bytes* from) { return hn::LoadU(D(), from); }
HWY_INLINE V load_sum(const Sums& sums, int p, std::size_t at) {
  return p < sums.live ? load(sums.planes[p] + at) : hn::Zero(D());
}
HWY_INLINE void store_sum(const Sums& sums, int p, std::size_t at, V v) {
  if (p < sums.planes_count) hn::StoreU(v, D(), sums.planes[p] + at);
}

/// Adds a carry of weight 2^p, up to the plane that `live_after` says can be reached.
HWY_INLINE void ripple(const Sums& sums, int p, int live_after, std::size_t at, V carry) {
  for (; p < live_after; ++p) {
    const V sum = load_sum(sums, p, at);
    hn::StoreU(hn::Xor(sum, carry), D(), sums.planes[p] + at);
    carry = hn::And(sum, carry);
  }
}

// Adders of 8, 4, 2 and 1 inputs: a tree, so that only one carry leaves for the planes in memory.

HWY_INLINE void add8(const Bytes* const* in, const Sums& sums, int live_after, std::size_t at) {
  V ones = load_sum(sums, 0, at), twos = load_sum(sums, 1, at), fours = load_sum(sums, 2, at);
  const V two_a = add(ones, load(in[0] + at), load(in[1] + at));
  const V two_b = add(ones, load(in[2] + at), load(in[3] + at));
  const V four_a = add(twos, two_a, two_b);
  const V two_c = add(ones, load(in[4] + at), load(in[5] + at));
  const V two_d = add(ones, load(in[6] + at), load(in[7] + at));
  const V four_b = add(twos, two_c, two_d);
  const V eight = add(fours, four_a, four_b);
  store_sum(sums, 0, at, ones);
  store_sum(sums, 1, at, twos);
  store_sum(sums, 2, at, fours);
  ripple(sums, 3, live_after, at, eight);
}

HWY_INLINE void add4(const Bytes* const* in, const Sums& sums, int live_after, std::size_t at) {
  V ones = load_sum(sums, 0, at), twos = load_sum(sums, 1, at);
  const V two_a = add(ones, load(in[0] + at), load(in[1] + at));
  const V two_b = add(ones, load(in[2] + at), load(in[3] + at));
  const V four = add(twos, two_a, two_b);
  store_sum(sums, 0, at, ones);
  store_sum(sums, 1, at, twos);
  ripple(sums, 2, live_after, at, four);
}

HWY_INLINE void add2(const Bytes* const* in, const Sums& sums, int live_after, std::size_t at) {
  V ones = load_sum(sums, 0, at);
  const V two = add(ones, load(in[0] + at), load(in[1] + at));
  store_sum(sums, 0, at, ones);
  ripple(sums, 1, live_after, at, two);
}

HWY_INLINE void add1(const Bytes* const* in, const Sums& sums, int live_after, std::size_t at) {
  ripple(sums, 0, live_after, at, load(in[0] + at));
}

/// Adds every input at weight 2^base to the block [begin, end) of the planes; `bound` is the largest sum so far.
/// \param next  the block that will be asked for next, as a distance from this one; 0: none of the same length
void add_inputs(std::span<const Bytes* const> inputs, std::size_t begin, std::size_t end, std::size_t next,
                Bytes* const* planes, int planes_count, int base, std::int64_t& bound) {
  const std::size_t step = hn::Lanes(D());
  for (std::size_t i = 0; i < inputs.size();) {
    const std::size_t group = std::bit_floor(std::min<std::size_t>(inputs.size() - i, 8));
    // Runs of one block are too short for the processor to see that N streams are being read, so it is told: what is
    // read next are the same bytes of the next group of inputs, or of the first inputs in the next block. Its planes
    // are fetched as well: what is stored has to be fetched first.
    const bool last = i + group == inputs.size();
    const std::size_t distance = last ? next : 0;
    auto ahead = last ? inputs : inputs.subspan(i + group);
    ahead = ahead.first(last && next == 0 ? 0 : std::min<std::size_t>(8, ahead.size()));
    const std::span<Bytes* const> written(planes, last && next != 0 ? static_cast<std::size_t>(planes_count) : 0);
    const int live = bound == 0 ? 0 : std::min(planes_for(bound), planes_count);
    bound += static_cast<std::int64_t>(group) << base;
    const int live_after = std::min(planes_for(bound), planes_count) - base;
    const Sums sums{planes + base, std::max(0, live - base), planes_count - base};
    const Bytes* const* in = inputs.data() + i;
    const auto each = [&](auto adder) HWY_ATTR {
      for (std::size_t at = begin; at < end; at += step) {
        for (const Bytes* input : ahead) __builtin_prefetch(input + distance + at, 0, 2);
        for (const Bytes* plane : written) __builtin_prefetch(plane + next + at, 1, 2);
        adder(in, sums, live_after, at);
      }
    };
    if (group == 8) {
      each([](auto... a) HWY_ATTR { add8(a...); });
    } else if (group == 4) {
      each([](auto... a) HWY_ATTR { add4(a...); });
    } else if (group == 2) {
      each([](auto... a) HWY_ATTR { add2(a...); });
    } else {
      each([](auto... a) HWY_ATTR { add1(a...); });
    }
    i += group;
  }
}

/// One block: inputs of weight 1 first, so that the planes in use are always the lowest ones.
void count_block(std::span<const Bytes* const> weight1, std::span<const Bytes* const> weight2, std::size_t begin,
                 std::size_t end, std::size_t next, Bytes* const* planes, int planes_count) {
  std::int64_t bound = 0;
  add_inputs(weight1, begin, end, next, planes, planes_count, 0, bound);
  if (!weight2.empty() && planes_count > 1) {
    if (bound == 0) std::memset(planes[0] + begin, 0, end - begin);
    add_inputs(weight2, begin, end, next, planes, planes_count, 1, bound);
  } else if (!weight2.empty() && bound == 0) {
    std::memset(planes[0] + begin, 0, end - begin);
    bound = 1;
  }
  const int written = bound == 0 ? 0 : planes_for(bound);
  for (int p = written; p < planes_count; ++p) std::memset(planes[p] + begin, 0, end - begin);
}

#endif

/// Σ weight1 + 2·Σ weight2. \returns how many leading bytes were done (all, or none if they fill no vector)
std::size_t count(std::span<const Bytes* const> weight1, std::span<const Bytes* const> weight2, std::size_t bytes,
                  Bytes* const* planes, int planes_count) {
#if HWY_TARGET == HWY_SCALAR
  (void)weight1, (void)weight2, (void)bytes, (void)planes, (void)planes_count;
  return 0;
#else
  const std::size_t step = hn::Lanes(D());
  if (bytes < step) return 0;
  const std::size_t whole = bytes / step * step;
  for (std::size_t begin = 0; begin < whole; begin += block_bytes) {
    const std::size_t next = begin + 2 * block_bytes <= whole ? block_bytes : 0;
    count_block(weight1, weight2, begin, std::min(begin + block_bytes, whole), next, planes, planes_count);
  }
  // The rest: the last full vector's worth, counted again from nothing where it overlaps.
  if (whole < bytes) count_block(weight1, weight2, bytes - step, bytes, 0, planes, planes_count);
  return bytes;
#endif
}

std::size_t add_planes(std::span<const Bytes* const> added, std::size_t bytes, Bytes* const* planes, int planes_count) {
#if HWY_TARGET == HWY_SCALAR
  (void)added, (void)bytes, (void)planes, (void)planes_count;
  return 0;
#else
  const D d;
  const std::size_t step = hn::Lanes(d);
  std::size_t at = 0;
  for (; at + step <= bytes; at += step) {
    V carry = hn::Zero(d);
    for (int p = 0; p < planes_count; ++p) {
      V sum = load(planes[p] + at);
      const V other = p < static_cast<int>(added.size()) ? load(added[static_cast<std::size_t>(p)] + at) : hn::Zero(d);
      carry = add(sum, other, carry);
      hn::StoreU(sum, d, planes[p] + at);
    }
  }
  return at;
#endif
}

/// sign ← count > threshold (or = and the tie rule says so); ties ← count = threshold if that can be a tie.
std::size_t compare(std::span<const Bytes* const> planes, std::size_t bytes, std::int64_t threshold, bool can_tie,
                    Tie tie, const Bytes* tie_plane, Bytes* sign, Bytes* ties) {
#if HWY_TARGET == HWY_SCALAR
  (void)planes, (void)bytes, (void)threshold, (void)can_tie, (void)tie, (void)tie_plane, (void)sign, (void)ties;
  return 0;
#else
  const D d;
  const std::size_t step = hn::Lanes(d);
  if (bytes < step) return 0;
  for (std::size_t begin = 0; begin < bytes; begin += step) {
    const std::size_t at = std::min(begin, bytes - step);
    V greater = hn::Zero(d), equal = hn::Not(hn::Zero(d));
    for (std::size_t p = planes.size(); p-- > 0;) {
      const V bit = load(planes[p] + at);
      if ((threshold >> p & 1) != 0) {
        equal = hn::And(equal, bit);
      } else {
        greater = hn::OrAnd(greater, equal, bit);
        equal = hn::AndNot(bit, equal);
      }
    }
    if (!can_tie) equal = hn::Zero(d);
    if (tie == Tie::plus) greater = hn::Or(greater, equal);
    if (tie == Tie::plane) greater = hn::OrAnd(greater, equal, load(tie_plane + at));
    hn::StoreU(greater, d, sign + at);
    if (ties != nullptr) hn::StoreU(equal, d, ties + at);
  }
  return bytes;
#endif
}

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(count);
HWY_EXPORT(add_planes);
HWY_EXPORT(compare);

namespace {

using Inputs = std::span<const std::byte* const>;

const std::uint8_t* as_uint8(const std::byte* p) { return reinterpret_cast<const std::uint8_t*>(p); }
std::uint8_t* as_uint8(std::byte* p) { return reinterpret_cast<std::uint8_t*>(p); }

/// The non-null planes, `offset` bytes on.
std::vector<const std::uint8_t*> pointers(Inputs planes) {
  std::vector<const std::uint8_t*> out;
  out.reserve(planes.size());
  for (const auto* plane : planes) {
    if (plane != nullptr) out.push_back(as_uint8(plane));
  }
  return out;
}

std::vector<std::uint8_t*> pointers(std::byte* const* planes, int count) {
  std::vector<std::uint8_t*> out(static_cast<std::size_t>(count));
  for (int p = 0; p < count; ++p) out[static_cast<std::size_t>(p)] = as_uint8(planes[p]);
  return out;
}

/// Bytes [begin, …) of planes.
std::vector<const std::byte*> advanced(Inputs planes, std::size_t begin) {
  std::vector<const std::byte*> out(planes.begin(), planes.end());
  for (auto& plane : out) plane = plane == nullptr ? nullptr : plane + begin;
  return out;
}

std::vector<std::byte*> advanced(std::byte* const* planes, int count, std::size_t begin) {
  std::vector<std::byte*> out(planes, planes + count);
  for (auto& plane : out) plane += begin;
  return out;
}

/// Where s = factor·c + offset changes its sign: c > threshold, or = if `can_tie`.
struct Threshold {
  std::int64_t count;
  bool can_tie;
};

Threshold threshold_of(std::int64_t offset, std::int64_t factor) {
  assert(factor >= 1 && offset <= 0);
  return {-offset / factor, -offset % factor == 0};
}

}  // namespace

int planes_for(std::int64_t max_value) {
  assert(max_value >= 0);
  return std::max(1, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(max_value))));
}

void count_votes(Inputs sign_planes, std::size_t bytes, std::byte* const* out_planes, int planes) {
  assert(planes >= 1);
  const auto inputs = pointers(sign_planes);
  const std::span<const std::uint8_t* const> none;
  if (HWY_DYNAMIC_DISPATCH(count)(inputs, none, bytes, pointers(out_planes, planes).data(), planes) < bytes) {
    reference::count_votes(sign_planes, bytes, out_planes, planes);
  }
}

void count_votes_with_zeros(Inputs sign_planes, Inputs zero_planes, std::size_t bytes, std::byte* const* out_planes,
                            int planes) {
  assert(planes >= 1 && zero_planes.size() == sign_planes.size());
  const auto signs = pointers(sign_planes), zeros = pointers(zero_planes);
  if (HWY_DYNAMIC_DISPATCH(count)(zeros, signs, bytes, pointers(out_planes, planes).data(), planes) < bytes) {
    reference::count_votes_with_zeros(sign_planes, zero_planes, bytes, out_planes, planes);
  }
}

void add_counts(Inputs added_planes, std::size_t bytes, std::byte* const* sum_planes, int planes) {
  assert(static_cast<int>(added_planes.size()) <= planes);
  const auto added = pointers(added_planes);
  const auto done = HWY_DYNAMIC_DISPATCH(add_planes)(added, bytes, pointers(sum_planes, planes).data(), planes);
  if (done < bytes) {
    const auto rest = advanced(sum_planes, planes, done);
    reference::add_counts(advanced(added_planes, done), bytes - done, rest.data(), planes);
  }
}

void majority(Inputs planes, std::size_t bytes, std::int64_t offset, std::int64_t factor, Tie tie,
              const std::byte* tie_plane, std::byte* out_sign, std::byte* out_tie) {
  assert((tie == Tie::plane) == (tie_plane != nullptr));
  const auto [threshold, can_tie] = threshold_of(offset, factor);
  if (threshold >> planes.size() != 0) {  // more than any count
    std::fill_n(out_sign, bytes, std::byte{0});
    if (out_tie != nullptr) std::fill_n(out_tie, bytes, std::byte{0});
    return;
  }
  const auto done = HWY_DYNAMIC_DISPATCH(compare)(pointers(planes), bytes, threshold, can_tie, tie,
                                                  as_uint8(tie_plane), as_uint8(out_sign), as_uint8(out_tie));
  if (done < bytes) reference::majority(planes, bytes, offset, factor, tie, tie_plane, out_sign, out_tie);
}

}  // namespace tersegrad::kernels
#endif
