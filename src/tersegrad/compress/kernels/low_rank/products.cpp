#include "tersegrad/compress/kernels/low_rank/products.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "tersegrad/core/kernels/lane_sums.hpp"
#include "tersegrad/core/kernels/prefetch.hpp"

#ifndef TERSEGRAD_COMPRESS_KERNELS_LOW_RANK_PRODUCTS_ONCE  // this file is read once for each instruction set
#define TERSEGRAD_COMPRESS_KERNELS_LOW_RANK_PRODUCTS_ONCE
namespace tersegrad::kernels {
namespace {

/// Rows whose products multiply_transposed() adds up before they meet the sum.
constexpr std::size_t eight = 8;

inline float sum_of_eight(const float (&v)[eight]) {
  return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

/// (P·Qᵀ)_ij
inline float expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, std::size_t rows, std::size_t columns,
                      std::size_t i, std::size_t j) {
  float sum = p[i] * q[j];
  for (std::size_t k = 1; k < rank; ++k) sum += p[k * rows + i] * q[k * columns + j];
  return sum;
}

}  // namespace
}  // namespace tersegrad::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/low_rank/products.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // sums are kept in arrays of vectors

void times(const Matrix<const float>& m, std::span<const float> q, std::size_t rank, std::span<float> p) {
  reference::multiply(m, q, rank, p);
}
void transposed_times(const Matrix<const float>& m, std::span<const float> p, std::size_t rank, std::span<float> q) {
  reference::multiply_transposed(m, p, rank, q);
}
void write_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  reference::expand(p, q, rank, m);
}
bool less_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  return reference::subtract_expanded(p, q, rank, m);
}

#else

using D = Lanes32<float>;
constexpr std::size_t lanes = hn::MaxLanes(D()), vectors = sum_lanes / lanes;

/// Columns of Q that share one pass over four rows of M.
constexpr std::size_t group = 8;
/// Columns of M that stay in the first cache while all columns of Q use them.
constexpr std::size_t strip = 1024;

// Sums lie in variables of their own, not in arrays: GCC 12 leaves arrays of more than one dimension in memory.

/// 16 lanes.
struct Wide {
  hn::Vec<D> of[vectors];
};

HWY_INLINE Wide load(const LaneSums<float>& from) {
  Wide wide;
  for (std::size_t v = 0; v < vectors; ++v) wide.of[v] = hn::LoadU(D(), from.data() + v * lanes);
  return wide;
}

HWY_INLINE void store(const Wide& wide, LaneSums<float>& to) {
  for (std::size_t v = 0; v < vectors; ++v) hn::StoreU(wide.of[v], D(), to.data() + v * lanes);
}

/// Adds the products of n coordinates, a multiple of 16, of four rows with one column, which is loaded once for all of them.
HWY_INLINE void add_products(const float* const (&rows)[4], const float* column, std::size_t n, LaneSums<float> (&sums)[4]) {
  const D d;
  Wide s0 = load(sums[0]), s1 = load(sums[1]), s2 = load(sums[2]), s3 = load(sums[3]);
  for (std::size_t j = 0; j < n; j += sum_lanes) {
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::size_t at = j + v * lanes;
      const auto q = hn::LoadU(d, column + at);
      s0.of[v] = hn::Add(s0.of[v], hn::Mul(q, hn::LoadU(d, rows[0] + at)));
      s1.of[v] = hn::Add(s1.of[v], hn::Mul(q, hn::LoadU(d, rows[1] + at)));
      s2.of[v] = hn::Add(s2.of[v], hn::Mul(q, hn::LoadU(d, rows[2] + at)));
      s3.of[v] = hn::Add(s3.of[v], hn::Mul(q, hn::LoadU(d, rows[3] + at)));
    }
  }
  store(s0, sums[0]);
  store(s1, sums[1]);
  store(s2, sums[2]);
  store(s3, sums[3]);
}

void times(const Matrix<const float>& m, std::span<const float> q, std::size_t rank, std::span<float> p) {
  const std::size_t whole = m.columns / sum_lanes * sum_lanes;
  for (std::size_t row = 0; row < m.rows; row += 4) {
    const float* rows[4];  // beyond the end the last one again
    for (std::size_t r = 0; r < 4; ++r) rows[r] = m.values.data() + std::min(row + r, m.rows - 1) * m.columns;
    for (std::size_t first = 0; first < rank; first += group) {
      const std::size_t count = std::min(group, rank - first);
      const float* const of_group = q.data() + first * m.columns;
      LaneSums<float> sums[group][4] = {};
      for (std::size_t begin = 0; begin < whole; begin += strip) {
        const std::size_t n = std::min(strip, whole - begin);
        const float* const strips[4] = {rows[0] + begin, rows[1] + begin, rows[2] + begin, rows[3] + begin};
        for (const float* of_row : strips) prefetch_ahead(of_row, first == 0 ? n : 0);
        for (std::size_t k = 0; k < count; ++k) add_products(strips, of_group + k * m.columns + begin, n, sums[k]);
      }
      for (std::size_t k = 0; k < count; ++k) {
        for (std::size_t r = 0; r < 4 && row + r < m.rows; ++r) {
          auto& sum = sums[k][r];
          for (std::size_t j = whole; j < m.columns; ++j) sum[j - whole] += rows[r][j] * of_group[k * m.columns + j];
          p[(first + k) * m.rows + row + r] = total(sum);
        }
      }
    }
  }
}

/// q_j ← q_j + Σ_r rows_rj·factors_r, j < n.
HWY_INLINE void add_rows(const float* const (&rows)[eight], const float (&factors)[eight], std::size_t n, float* q) {
  const D d;
  hn::Vec<D> factor[eight];
  for (std::size_t r = 0; r < eight; ++r) factor[r] = hn::Set(d, factors[r]);
  const auto product = [&](std::size_t r, std::size_t j) HWY_ATTR { return hn::Mul(hn::LoadU(d, rows[r] + j), factor[r]); };
  const auto of_two = [&](std::size_t r, std::size_t j) HWY_ATTR { return hn::Add(product(r, j), product(r + 1, j)); };
  std::size_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    const auto low = hn::Add(of_two(0, j), of_two(2, j)), high = hn::Add(of_two(4, j), of_two(6, j));
    hn::StoreU(hn::Add(hn::LoadU(d, q + j), hn::Add(low, high)), d, q + j);
  }
  for (; j < n; ++j) {
    float products[eight];
    for (std::size_t r = 0; r < eight; ++r) products[r] = rows[r][j] * factors[r];
    q[j] += sum_of_eight(products);
  }
}

void transposed_times(const Matrix<const float>& m, std::span<const float> p, std::size_t rank, std::span<float> q) {
  constexpr std::size_t of_eight = strip / 2;
  std::fill(q.begin(), q.end(), 0.0f);
  for (std::size_t row = 0; row < m.rows; row += eight) {
    for (std::size_t begin = 0; begin < m.columns; begin += of_eight) {
      const std::size_t n = std::min(of_eight, m.columns - begin);
      const float* rows[eight];  // beyond the end the last one again, times 0
      for (std::size_t r = 0; r < eight; ++r) {
        rows[r] = m.values.data() + std::min(row + r, m.rows - 1) * m.columns + begin;
        prefetch_ahead(rows[r], n);
      }
      for (std::size_t k = 0; k < rank; ++k) {
        float factors[eight];
        for (std::size_t r = 0; r < eight; ++r) factors[r] = row + r < m.rows ? p[k * m.rows + row + r] : 0.0f;
        add_rows(rows, factors, n, q.data() + k * m.columns + begin);
      }
    }
  }
}

/// Two vectors of Q, which share a coefficient's broadcast, or sums as long.
struct Pair {
  hn::Vec<D> low, high;
};

HWY_INLINE Pair scaled(float factor, const Pair& q) {
  const auto all = hn::Set(D(), factor);
  return {hn::Mul(all, q.low), hn::Mul(all, q.high)};
}

HWY_INLINE void add(Pair& sum, const Pair& term) { sum = {hn::Add(sum.low, term.low), hn::Add(sum.high, term.high)}; }

/// Hands rows [row, row + R) of P·Qᵀ, a vector at a time, to each(pointer into M, vector), and what is left to rest(pointer, value).
/// \tparam R 1 or 4
template <std::size_t R, class Each, class Rest>
HWY_INLINE void expand_rows(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m,
                            std::size_t row, Each&& each, Rest&& rest) {
  const D d;
  float* const to = m.values.data() + row * m.columns;
  const auto give = [&](std::size_t r, std::size_t j, const Pair& sum) HWY_ATTR {
    each(to + r * m.columns + j, sum.low);
    each(to + r * m.columns + j + lanes, sum.high);
  };
  std::size_t j = 0;
  for (; j + 2 * lanes <= m.columns; j += 2 * lanes) {
    const float* of_q = q.data() + j;
    const float* of_p = p.data() + row;
    Pair term{hn::LoadU(d, of_q), hn::LoadU(d, of_q + lanes)};
    Pair sum0 = scaled(of_p[0], term), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    if constexpr (R == 4) {
      sum1 = scaled(of_p[1], term);
      sum2 = scaled(of_p[2], term);
      sum3 = scaled(of_p[3], term);
    }
    for (std::size_t k = 1; k < rank; ++k) {
      of_q += m.columns;
      of_p += m.rows;
      term = {hn::LoadU(d, of_q), hn::LoadU(d, of_q + lanes)};
      add(sum0, scaled(of_p[0], term));
      if constexpr (R == 4) {
        add(sum1, scaled(of_p[1], term));
        add(sum2, scaled(of_p[2], term));
        add(sum3, scaled(of_p[3], term));
      }
    }
    give(0, j, sum0);
    if constexpr (R == 4) {
      give(1, j, sum1);
      give(2, j, sum2);
      give(3, j, sum3);
    }
  }
  for (; j < m.columns; ++j) {
    for (std::size_t r = 0; r < R; ++r) rest(to + r * m.columns + j, expanded(p, q, rank, m.rows, m.columns, row + r, j));
  }
}

template <class Each, class Rest>
HWY_INLINE void expand_all(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m, Each&& each,
                           Rest&& rest) {
  std::size_t row = 0;
  for (; row + 4 <= m.rows; row += 4) expand_rows<4>(p, q, rank, m, row, each, rest);
  for (; row < m.rows; ++row) expand_rows<1>(p, q, rank, m, row, each, rest);
}

void write_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  const D d;
  expand_all(
      p, q, rank, m, [&](float* to, auto v) HWY_ATTR { hn::StoreU(v, d, to); }, [](float* to, float v) { *to = v; });
}

bool less_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  const D d;
  const hn::RebindToSigned<D> di;
  auto largest = hn::Zero(di);  // the bits of magnitudes order as the magnitudes do, with inf and NaN on top
  bool finite = true;
  expand_all(
      p, q, rank, m,
      [&](float* to, auto v) HWY_ATTR {
        prefetch_ahead(to, lanes);
        const auto left = hn::Sub(hn::LoadU(d, to), v);
        largest = hn::Max(largest, hn::And(hn::BitCast(di, left), hn::Set(di, 0x7fffffff)));
        hn::StoreU(left, d, to);
      },
      [&](float* to, float v) {
        *to -= v;
        finite = finite && std::isfinite(*to);
      });
  return finite && hn::GetLane(hn::MaxOfLanes(di, largest)) < 0x7f800000;
}

#endif

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(times);
HWY_EXPORT(transposed_times);
HWY_EXPORT(write_expanded);
HWY_EXPORT(less_expanded);

void multiply(const Matrix<const float>& m, std::span<const float> q, std::size_t rank, std::span<float> p) {
  assert(m.values.size() == m.rows * m.columns && q.size() == m.columns * rank && p.size() == m.rows * rank);
  HWY_DYNAMIC_DISPATCH(times)(m, q, rank, p);
}

void multiply_transposed(const Matrix<const float>& m, std::span<const float> p, std::size_t rank, std::span<float> q) {
  assert(m.values.size() == m.rows * m.columns && q.size() == m.columns * rank && p.size() == m.rows * rank);
  HWY_DYNAMIC_DISPATCH(transposed_times)(m, p, rank, q);
}

void expand(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  assert(m.values.size() == m.rows * m.columns && q.size() == m.columns * rank && p.size() == m.rows * rank && rank >= 1);
  HWY_DYNAMIC_DISPATCH(write_expanded)(p, q, rank, m);
}

bool subtract_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  assert(m.values.size() == m.rows * m.columns && q.size() == m.columns * rank && p.size() == m.rows * rank && rank >= 1);
  return HWY_DYNAMIC_DISPATCH(less_expanded)(p, q, rank, m);
}

namespace reference {

void multiply(const Matrix<const float>& m, std::span<const float> q, std::size_t rank, std::span<float> p) {
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t i = 0; i < m.rows; ++i) {
      LaneSums<float> sums{};
      for (std::size_t j = 0; j < m.columns; ++j) sums[j % sum_lanes] += m.values[i * m.columns + j] * q[k * m.columns + j];
      p[k * m.rows + i] = total(sums);
    }
  }
}

void multiply_transposed(const Matrix<const float>& m, std::span<const float> p, std::size_t rank, std::span<float> q) {
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t j = 0; j < m.columns; ++j) {
      float sum = 0;
      for (std::size_t row = 0; row < m.rows; row += eight) {
        float products[eight];
        for (std::size_t r = 0; r < eight; ++r) {
          const std::size_t i = std::min(row + r, m.rows - 1);
          products[r] = m.values[i * m.columns + j] * (row + r < m.rows ? p[k * m.rows + i] : 0.0f);
        }
        sum += sum_of_eight(products);
      }
      q[k * m.columns + j] = sum;
    }
  }
}

void expand(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (std::size_t j = 0; j < m.columns; ++j) m.values[i * m.columns + j] = expanded(p, q, rank, m.rows, m.columns, i, j);
  }
}

bool subtract_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m) {
  bool finite = true;
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (std::size_t j = 0; j < m.columns; ++j) {
      float& left = m.values[i * m.columns + j];
      left -= expanded(p, q, rank, m.rows, m.columns, i, j);
      finite = finite && std::isfinite(left);
    }
  }
  return finite;
}

}  // namespace reference
}  // namespace tersegrad::kernels
#endif
