// A gradient and what an agent remembers, added up: what error feedback and momentum compress.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// p_j = fl(fl(b·memory_j) + fl(a·gradient_j)): gradient + memory, gradient − memory (exactly those for a, b of ±1), or
/// a moving average. Without memory p is the gradient.
struct Axpby {
  std::span<const float> gradient;
  std::span<const float> memory;  ///< of the gradient's size, or empty
  float a = 1;
  float b = 1;

  std::size_t size() const { return gradient.size(); }
  float at(std::size_t j) const { return memory.empty() ? gradient[j] : b * memory[j] + a * gradient[j]; }
  Axpby part(std::size_t begin, std::size_t n) const {
    return {gradient.subspan(begin, n), memory.empty() ? memory : memory.subspan(begin, n), a, b};
  }
};

/// out_j ← p_j. \param out  [n]; may be gradient or memory itself \returns how many are inf or NaN
std::int64_t axpby(const Axpby& from, std::span<float> out);

}  // namespace tersegrad::kernels
