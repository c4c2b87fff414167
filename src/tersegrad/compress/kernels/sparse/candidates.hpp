// What Top-k selection collects, and chooses from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tersegrad/core/buffer.hpp"

namespace tersegrad::kernels {

/// Coordinates that may belong to the k largest, in ascending order, with their keys.
struct Candidates {
  Buffer<std::uint32_t> indices;
  Buffer<std::uint32_t> keys;
  std::size_t count = 0;
};

/// Leaves the k with the largest keys; of equal ones those of the smallest indices.
/// \param k  1 to candidates.count \param scratch  whatever it holds \returns the smallest of their keys
std::uint32_t prune(Candidates& candidates, std::size_t k, Buffer<std::uint32_t>& scratch);

}  // namespace tersegrad::kernels
