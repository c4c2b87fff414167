// From several agents' signs, each with a scale of its own, straight into the parameters.
#pragma once

#include <cstddef>
#include <span>

namespace tersegrad::kernels {

/// One agent's signs s_j ∈ {−1, 0, +1}, times its scale.
struct ScaledSigns {
  const std::byte* signs = nullptr;  ///< plane: 1 where s_j = +1
  const std::byte* zeros = nullptr;  ///< plane: 1 where s_j = 0 (the sign bit is 0 there); null: nowhere
  float scale = 0;
};

/// x_j ← fl(x_j − fl(step · mean_j)),  mean_j = fl(Σ_a scale_a·s_aj / N): the sum starts at +0 and runs in the order of
/// `agents`, one rounding an addition.
///
/// \param agents  N ≥ 1, planes of ⌈x.size()/8⌉ bytes, any alignment
void apply_scaled_signs(std::span<const ScaledSigns> agents, std::span<float> x, float step);

/// Plain loops with the same results, for tests.
namespace reference {
void apply_scaled_signs(std::span<const ScaledSigns> agents, std::span<float> x, float step);
}  // namespace reference

}  // namespace tersegrad::kernels
