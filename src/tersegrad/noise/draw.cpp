#include "tersegrad/noise/draw.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/noise/draw.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for each SIMD target
#include "hwy/highway.h"
#include "tersegrad/core/random/philox-inl.hpp"
#include "tersegrad/noise/bailey-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

/// factor·profile at one place, or the factor alone where there is no profile.
HWY_INLINE Vector factor_at(Vector factor, const float* profile) {
  return profile == nullptr ? factor : hn::Mul(factor, hn::LoadU(Floats(), profile));
}

HWY_INLINE void add_at(float* values, Vector draws) {
  hn::StoreU(hn::Add(hn::LoadU(Floats(), values), draws), Floats(), values);
}

/// Calls body(block, values, profile) for `step` coordinates at a time; the last, partial step goes through a copy.
/// (One call in the text, so that the compiler inlines the body.)
template <class Body>
HWY_INLINE void for_each_step(std::size_t step, std::uint64_t block, std::uint64_t blocks_per_step,
                              std::span<float> values, const float* profile, const Body& body) {
  constexpr std::size_t most = 4 * hn::MaxLanes(Floats());
  float values_copy[most] = {};
  float profile_copy[most] = {};
  for (std::size_t i = 0; i < values.size(); i += step, block += blocks_per_step) {
    const std::size_t left = values.size() - i;
    float* out = values.data() + i;
    const float* profile_at = profile == nullptr ? nullptr : profile + i;
    if (left < step) {
      std::copy_n(out, left, values_copy);
      out = values_copy;
      if (profile != nullptr) {
        std::copy_n(profile_at, left, profile_copy);
        profile_at = profile_copy;
      }
    }
    body(block, out, profile_at);
    if (left < step) std::copy_n(values_copy, left, values.data() + i);
  }
}

void gaussian(const Stream& stream, std::int64_t first, std::span<float> values, float scaled, const float* profile) {
  const Floats d;
  const auto factor = hn::Set(d, scaled);
  const auto first_block = static_cast<std::uint64_t>(first) / 4;
#if HWY_TARGET == HWY_SCALAR
  for_each_step(4, first_block, 1, values, profile, [&](std::uint64_t block, float* out, const float* profile_at) {
    const auto words = stream.block(block);
    const hn::RebindToUnsigned<Floats> du;
    for (std::size_t pair = 0; pair < 2; ++pair) {
      auto cosine = hn::Zero(d), sine = cosine;
      cos_sin_turn(d, hn::Set(du, words[2 * pair + 1]), cosine, sine);
      const auto radius = hn::Sqrt(hn::Neg(log2_uniform(d, hn::Set(du, words[2 * pair]))));
      const float* at = profile_at == nullptr ? nullptr : profile_at + pair;
      add_at(out + pair, hn::Mul(hn::Mul(radius, cosine), factor_at(factor, at)));
      add_at(out + pair + 2, hn::Mul(hn::Mul(radius, sine), factor_at(factor, at == nullptr ? at : at + 2)));
    }
  });
#else
  const Wide d64;
  const std::size_t blocks = hn::Lanes(d64);
  const PhiloxVector philox(stream);
  const auto order = interleaving_order();
  // The next step's words are drawn before this step's arithmetic, which they do not wait for: two chains of dependent
  // instructions run side by side (18 % faster on Zen 4).
  Blocks next = philox(hn::Add(hn::Set(d64, first_block), order));
  for_each_step(4 * blocks, first_block, blocks, values, profile,
                [&](std::uint64_t block, float* out, const float* profile_at) HWY_ATTR {
    const Blocks w = next;
    next = philox(hn::Add(hn::Set(d64, block + blocks), order));
    auto cosine = hn::Zero(d), sine = cosine;
    cos_sin_turn(d, side_by_side(w.w1, w.w3), cosine, sine);
    const auto radius = hn::Sqrt(hn::Neg(log2_uniform(d, side_by_side(w.w0, w.w2))));
    const auto c = hn::BitCast(d64, hn::Mul(radius, cosine));
    const auto s = hn::BitCast(d64, hn::Mul(radius, sine));
    const auto lower = hn::BitCast(d, hn::InterleaveLower(d64, c, s));
    const auto upper = hn::BitCast(d, hn::InterleaveUpper(d64, c, s));
    const std::size_t half = 2 * blocks;
    add_at(out, hn::Mul(lower, factor_at(factor, profile_at)));
    add_at(out + half, hn::Mul(upper, factor_at(factor, profile_at == nullptr ? profile_at : profile_at + half)));
  });
#endif
}

void student(const Stream& stream, std::int64_t first, std::span<float> values, float scaled, float power,
             const float* profile) {
  const Floats d;
  const auto factor = hn::Set(d, scaled);
  const auto exponent = hn::Set(d, power);
  const auto first_block = static_cast<std::uint64_t>(first) / 2;
#if HWY_TARGET == HWY_SCALAR
  for_each_step(2, first_block, 1, values, profile, [&](std::uint64_t block, float* out, const float* profile_at) {
    const auto words = stream.block(block);
    const hn::RebindToUnsigned<Floats> du;
    for (std::size_t pair = 0; pair < 2; ++pair) {
      const auto y = hn::Mul(exponent, log2_uniform(d, hn::Set(du, words[2 * pair])));
      const float* at = profile_at == nullptr ? nullptr : profile_at + pair;
      add_at(out + pair, scaled_student(d, y, factor_at(factor, at), cos_turn(d, hn::Set(du, words[2 * pair + 1]))));
    }
  });
#else
  const Wide d64;
  const std::size_t blocks = hn::Lanes(d64);
  const PhiloxVector philox(stream);
  const auto order = hn::Iota(d64, 0);
  Blocks next = philox(hn::Add(hn::Set(d64, first_block), order));  // one step ahead, as above
  for_each_step(2 * blocks, first_block, blocks, values, profile,
                [&](std::uint64_t block, float* out, const float* profile_at) HWY_ATTR {
    const Blocks w = next;
    next = philox(hn::Add(hn::Set(d64, block + blocks), order));
    const auto y = hn::Mul(exponent, log2_uniform(d, side_by_side(w.w0, w.w2)));
    add_at(out, scaled_student(d, y, factor_at(factor, profile_at), cos_turn(d, side_by_side(w.w1, w.w3))));
  });
#endif
}

}  // namespace tersegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace tersegrad {

HWY_EXPORT(gaussian);
HWY_EXPORT(student);

namespace {

/// A float factor that is finite, so that no profile of 0 meets an infinity.
float finite(double factor) {
  return static_cast<float>(std::min(factor, static_cast<double>(std::numeric_limits<float>::max())));
}

}  // namespace

void add_gaussian(const Stream& stream, std::int64_t first, std::span<float> values, float factor,
                  std::span<const float> profile) {
  constexpr double root_of_2_ln_2 = 1.1774100225154747;  // the kernel's radius is √(−log2 U)
  HWY_DYNAMIC_DISPATCH(gaussian)(stream, first, values, finite(factor * root_of_2_ln_2), profile.data());
}

void add_student(const Stream& stream, std::int64_t first, std::span<float> values, float factor, double nu,
                 std::span<const float> profile) {
  const double drawn_nu = std::clamp(nu, 0x1p-20, 0x1p40);
  HWY_DYNAMIC_DISPATCH(student)(stream, first, values, finite(factor * std::sqrt(drawn_nu)),
                                static_cast<float>(-2 / drawn_nu), profile.data());
}

std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) names.push_back(hwy::TargetName(target));
  const std::string fallback = hwy::TargetName(HWY_STATIC_TARGET);
  if (std::find(names.begin(), names.end(), fallback) == names.end()) names.push_back(fallback);
  return names;
}

void use_simd_target(const std::string& name) {
  hwy::SetSupportedTargetsForTest(0);
  const std::vector<std::string> known = simd_targets();
  TERSEGRAD_CHECK(name.empty() || std::find(known.begin(), known.end(), name) != known.end(),
                  "unknown SIMD target '", name, "' (this machine has: ", join(known), ")");
  std::int64_t mask = 0;
  for (std::int64_t target = 1; target > 0; target <<= 1) {
    if (!name.empty() && name == hwy::TargetName(target)) mask = target;
    if (target == std::int64_t{1} << 62) break;
  }
  hwy::SetSupportedTargetsForTest(mask);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace tersegrad

#endif  // HWY_ONCE
