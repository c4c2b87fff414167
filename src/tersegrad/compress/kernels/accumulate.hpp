// Where decoded values go: into the sum over the agents, and behind the last agent straight into the parameters.
#pragma once

#include <cstddef>
#include <span>

namespace tersegrad::kernels {

/// What a decoding kernel does with the value v_j of an agent, j < n. Agents come in order, so sums are the same bits
/// whoever decodes. One pass holds a few thousand coordinates, so that `sum` stays in the first-level cache.
struct Accumulation {
  float* sum = nullptr;  ///< [n]; of all agents but the last, overwritten or left as it was with it
  bool first = false;    ///< sum_j ← fl(0 + v_j), whatever it held; else sum_j ← fl(sum_j + v_j)
  float* x = nullptr;    ///< [n] with the last agent, else null: x_j ← fl(x_j − fl(step·fl(sum_j/agents)))
  const float* soon = nullptr;  ///< [n] or null: memory to fetch meanwhile, the x of a later agent's turn
  float step = 0;        ///< finite
  float agents = 1;      ///< N

  Accumulation at(std::size_t offset) const {
    Accumulation later = *this;
    later.sum += offset;
    if (x != nullptr) later.x += offset;
    if (soon != nullptr) later.soon += offset;
    return later;
  }
  /// One value, by plain arithmetic.
  void take(std::size_t j, float v) const {
    const float total = (first ? 0.0f : sum[j]) + v;
    if (x == nullptr) {
      sum[j] = total;
    } else {
      x[j] = x[j] - step * (total / agents);
    }
  }
};

/// What `to.x` asks for of the first n coordinates, where sum already holds all agents; nothing without to.x.
void finish(const Accumulation& to, std::size_t n);

/// sum_j ← fl(sum_j/agents). \param agents ≥ 1
void divide(std::span<float> sum, std::size_t agents);

/// x_j ← fl(x_j − fl(step·mean_j)). \param mean  [x.size()], does not overlap x
void descend(std::span<float> x, std::span<const float> mean, float step);

}  // namespace tersegrad::kernels
