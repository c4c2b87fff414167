// What the machine's memory gives: the yardsticks of `tersegrad bench kernels`.
#pragma once

#include <cstdint>
#include <span>

namespace tersegrad::kernels {

/// Plain read: the sum of all 32-bit words, modulo 2^32 in each vector lane, lanes added up. 4 bytes a coordinate.
std::uint32_t read_sum(std::span<const float> x);
/// y ← y + a·x, product and sum rounded separately. 12 bytes a coordinate: x read, y read, y written.
void axpy(float a, std::span<const float> x, std::span<float> y);
/// out ← x by ordinary stores. 8 bytes a coordinate (the processor may read `out` first: 12).
void copy(std::span<const float> x, std::span<float> out);

}  // namespace tersegrad::kernels
