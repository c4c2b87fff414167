#include "tersegrad/compress/kernels/sign/scaled_signs.hpp"

#include <bit>
#include <cassert>
#include <vector>

#include "tersegrad/core/kernels/prefetch.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sign/scaled_signs.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/compress/kernels/dense/accumulate-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // the sums are kept in an array

std::size_t apply_mean(std::span<const ScaledSigns>, std::span<float>, float) { return 0; }

#else

template <bool exact>
HWY_INLINE std::size_t apply_mean_of(std::span<const ScaledSigns> agents, std::span<float> x, float step) {
  constexpr std::size_t word = 64;
  const Lanes32<float> d;
  const std::size_t lanes = hn::Lanes(d), whole = x.size() / word * word;
  constexpr std::size_t vectors = word / hn::MaxLanes(d) > 8 ? 8 : word / hn::MaxLanes(d);  // sums held in registers
  const MeanStep<exact> update(agents.size(), step);
  for (std::size_t j = 0; j < whole; j += vectors * lanes) {
    const std::size_t shift = j % word;
    prefetch_ahead(x.data() + j, vectors * lanes);
    hn::Vec<decltype(d)> sums[vectors];
    for (auto& sum : sums) sum = hn::Zero(d);
    for (const auto& agent : agents) {
      const std::uint64_t signs = load_word(agent.signs + (j - shift) / 8) >> shift;
      const std::uint64_t zeros = agent.zeros == nullptr ? 0 : load_word(agent.zeros + (j - shift) / 8) >> shift;
      const auto plus = hn::Set(d, agent.scale), minus = hn::Set(d, -agent.scale);
      for (std::size_t v = 0; v < vectors; ++v) {
        auto term = hn::IfThenElse(mask_of(d, signs >> v * lanes), plus, minus);
        // scale · 0, which is NaN for a scale that is not finite.
        if (zeros != 0) term = hn::IfThenElse(mask_of(d, zeros >> v * lanes), hn::Mul(plus, hn::Zero(d)), term);
        sums[v] = hn::Add(sums[v], term);
      }
    }
    for (std::size_t v = 0; v < vectors; ++v) update(sums[v], x.data() + j + v * lanes);
  }
  return whole;
}

/// The whole words of x. \returns how many coordinates they are
std::size_t apply_mean(std::span<const ScaledSigns> agents, std::span<float> x, float step) {
  return std::has_single_bit(agents.size()) ? apply_mean_of<true>(agents, x, step)
                                            : apply_mean_of<false>(agents, x, step);
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(apply_mean);

void apply_scaled_signs(std::span<const ScaledSigns> agents, std::span<float> x, float step) {
  assert(!agents.empty());
  const std::size_t done = HWY_DYNAMIC_DISPATCH(apply_mean)(agents, x, step);
  if (done == x.size()) return;
  std::vector<ScaledSigns> rest(agents.begin(), agents.end());
  for (auto& agent : rest) {
    agent.signs += done / 8;
    if (agent.zeros != nullptr) agent.zeros += done / 8;
  }
  reference::apply_scaled_signs(rest, x.subspan(done), step);
}

namespace reference {

void apply_scaled_signs(std::span<const ScaledSigns> agents, std::span<float> x, float step) {
  const auto bit = [](const std::byte* plane, std::size_t j) {
    return plane != nullptr && (plane[j / 8] >> (j % 8) & std::byte{1}) != std::byte{0};
  };
  for (std::size_t j = 0; j < x.size(); ++j) {
    float sum = 0;
    for (const auto& agent : agents) {
      const float sign = bit(agent.zeros, j) ? 0.0f : bit(agent.signs, j) ? 1.0f : -1.0f;
      sum += agent.scale * sign;
    }
    const float mean = sum / static_cast<float>(agents.size());
    x[j] = x[j] - step * mean;
  }
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
