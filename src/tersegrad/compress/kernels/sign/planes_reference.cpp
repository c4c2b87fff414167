// The plain twins of planes.hpp, bit by bit.
#include "tersegrad/compress/kernels/sign/planes.hpp"

namespace tersegrad::kernels::reference {
namespace {

using Inputs = std::span<const std::byte* const>;

bool bit_of(const std::byte* plane, std::size_t j) { return (plane[j / 8] >> (j % 8) & std::byte{1}) != std::byte{0}; }

void set_bit(std::byte* plane, std::size_t j, bool bit) {
  const auto mask = static_cast<std::byte>(1u << (j % 8));
  plane[j / 8] = bit ? plane[j / 8] | mask : plane[j / 8] & ~mask;
}

std::int64_t count_of(Inputs planes, std::size_t j) {
  std::int64_t count = 0;
  for (std::size_t p = 0; p < planes.size(); ++p) count += std::int64_t{bit_of(planes[p], j)} << p;
  return count;
}

void set_count(std::byte* const* planes, int planes_count, std::size_t j, std::int64_t count) {
  for (int p = 0; p < planes_count; ++p) set_bit(planes[p], j, (count >> p & 1) != 0);
}

}  // namespace

void count_votes(Inputs sign_planes, std::size_t bytes, std::byte* const* out_planes, int planes) {
  for (std::size_t j = 0; j < 8 * bytes; ++j) {
    std::int64_t count = 0;
    for (const auto* plane : sign_planes) count += bit_of(plane, j);
    set_count(out_planes, planes, j, count);
  }
}

void count_votes_with_zeros(Inputs sign_planes, Inputs zero_planes, std::size_t bytes, std::byte* const* out_planes,
                            int planes) {
  for (std::size_t j = 0; j < 8 * bytes; ++j) {
    std::int64_t count = 0;
    for (const auto* plane : sign_planes) count += 2 * bit_of(plane, j);
    for (const auto* plane : zero_planes) count += plane != nullptr && bit_of(plane, j);
    set_count(out_planes, planes, j, count);
  }
}

void add_counts(Inputs added_planes, std::size_t bytes, std::byte* const* sum_planes, int planes) {
  const Inputs sums(sum_planes, static_cast<std::size_t>(planes));
  for (std::size_t j = 0; j < 8 * bytes; ++j) {
    set_count(sum_planes, planes, j, count_of(sums, j) + count_of(added_planes, j));
  }
}

bool any_count_above(Inputs planes, std::size_t bytes, std::uint64_t limit) {
  for (std::size_t j = 0; j < 8 * bytes; ++j) {
    if (static_cast<std::uint64_t>(count_of(planes, j)) > limit) return true;
  }
  return false;
}

void majority(Inputs planes, std::size_t bytes, std::int64_t offset, std::int64_t factor, Tie tie,
              const std::byte* tie_plane, std::byte* out_sign, std::byte* out_tie) {
  for (std::size_t j = 0; j < 8 * bytes; ++j) {
    const std::int64_t sum = factor * count_of(planes, j) + offset;
    bool positive = sum > 0;
    if (sum == 0 && tie == Tie::plus) positive = true;
    if (sum == 0 && tie == Tie::plane) positive = bit_of(tie_plane, j);
    set_bit(out_sign, j, positive);
    if (out_tie != nullptr) set_bit(out_tie, j, sum == 0);
  }
}

}  // namespace tersegrad::kernels::reference
