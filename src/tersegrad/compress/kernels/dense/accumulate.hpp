// Where decoded values go: the sum over the agents.
#pragma once

#include <cstddef>
#include <span>

namespace tersegrad::kernels {

/// What a decoding kernel does with the value v_j of an agent, j < n. Agents come in order, so sums are the same bits
/// whoever decodes.
struct Accumulation {
  float* sum = nullptr;  ///< [n]
  bool first = false;    ///< sum_j ← fl(0 + v_j), whatever it held; else sum_j ← fl(sum_j + v_j)

  Accumulation at(std::size_t offset) const { return {sum + offset, first}; }
  /// One value, by plain arithmetic.
  void take(std::size_t j, float v) const { sum[j] = (first ? 0.0f : sum[j]) + v; }
};

/// sum_j ← fl(sum_j/agents). \param agents ≥ 1
void divide(std::span<float> sum, std::size_t agents);

}  // namespace tersegrad::kernels
