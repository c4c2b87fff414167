#include "tersegrad/compress/kernels/low_rank/gram_schmidt.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/kernels/lane_sums.hpp"

namespace tersegrad::kernels {
namespace {

double dot(const double* a, const double* b, std::size_t n) {
  LaneSums<double> sums{};
  std::size_t j = 0;
  for (; j + sum_lanes <= n; j += sum_lanes) {
    for (std::size_t l = 0; l < sum_lanes; ++l) sums[l] += a[j + l] * b[j + l];
  }
  for (std::size_t l = 0; j + l < n; ++l) sums[l] += a[j + l] * b[j + l];
  return total(sums);
}

}  // namespace

void orthonormalize(std::span<float> columns, std::size_t rank) {
  assert(rank >= 1 && columns.size() % rank == 0);
  const std::size_t n = columns.size() / rank;
  Buffer<double> work(columns.begin(), columns.end());
  Buffer<double> lengths(rank);  // before anything is taken away
  for (std::size_t k = 0; k < rank; ++k) lengths[k] = std::sqrt(dot(work.data() + k * n, work.data() + k * n, n));
  for (std::size_t k = 0; k < rank; ++k) {
    double* const column = work.data() + k * n;
    const double length = std::sqrt(dot(column, column, n));
    if (length == 0 || length < 0x1p-30 * lengths[k]) {
      std::fill_n(column, n, 0.0);
      continue;
    }
    // Of an infinite length only the infinite values would give a NaN.
    const double divisor = std::isfinite(length) ? length : std::nan("");
    for (std::size_t i = 0; i < n; ++i) column[i] /= divisor;
    for (std::size_t later = k + 1; later < rank; ++later) {
      double* const other = work.data() + later * n;
      const double along = dot(column, other, n);
      for (std::size_t i = 0; i < n; ++i) other[i] -= along * column[i];
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<float>(work[i]);
}

}  // namespace tersegrad::kernels
