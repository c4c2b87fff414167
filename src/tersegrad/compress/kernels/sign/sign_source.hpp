// Signs packed while the numbers come into being: what all passes of that kind share, and their plain loop.
//
// A Source makes p_j, coordinate after coordinate, and leaves behind what it has to:
//
//     static constexpr bool measures   whether Σ|p_j| is wanted
//     float next(j)                    p_j, once and in order
//     float again(j)                   p_j once more, once a pass has come there
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "tersegrad/compress/kernels/sign/sign_pack.hpp"
#include "tersegrad/core/kernels/lane_sums.hpp"

namespace tersegrad::kernels {

using Plane = std::span<std::byte>;

/// The coordinates [begin, n) one by one, from byte to byte. \param signs, zeros  the planes from coordinate 0 on
template <class Source>
void pack_rest(const Source& source, std::size_t begin, std::size_t n, Plane signs, Plane zeros, SignTotals& totals,
               LaneSums<double>& sums) {
  for (std::size_t j = begin; j < n; j += 8) {
    const std::size_t end = std::min(j + 8, n);
    std::array<float, 8> p{};
    for (std::size_t i = j; i < end; ++i) p[i - j] = source.next(i);  // before the byte of its planes is overwritten
    for (std::size_t i = j; i < end; ++i) {
      totals.counts += pack_sign(p[i - j], i, signs, zeros);
      if constexpr (Source::measures) sums[i % sum_lanes] += std::abs(static_cast<double>(p[i - j]));
    }
  }
}

template <class Source>
SignTotals pack_plainly(const Source& source, std::size_t n, Plane signs, Plane zeros) {
  SignTotals totals;
  LaneSums<double> sums{};
  pack_rest(source, 0, n, signs, zeros, totals, sums);
  totals.magnitudes = total(sums);
  return totals;
}

}  // namespace tersegrad::kernels
