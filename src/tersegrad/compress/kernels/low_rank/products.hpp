// Products of a matrix with a few columns: what low-rank compression spends its time on.
//
// The columns of P [rows × rank] and Q [columns × rank] lie one after the other: element i of column k of P is p[k·rows + i].
// Every sum runs in an order that follows from the shape alone, and no product is fused with a sum: the same bits on every
// instruction set.
#pragma once

#include <cstddef>
#include <span>

namespace tersegrad::kernels {

/// M_ij = values[i·columns + j].
template <class T>
struct Matrix {
  std::span<T> values;  ///< [rows·columns]
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// P ← M·Q. Each sum is over 16 lanes (lane_sums.hpp): lane l adds the products of j = l, l + 16, … in order.
/// \param q [columns × rank] \param p [rows × rank], overwritten
void multiply(const Matrix<const float>& m, std::span<const float> q, std::size_t rank, std::span<float> p);

/// Q ← Mᵀ·P. Each sum adds the products of eight rows in pairs, their sums in pairs, and so on, and then such eights in order.
/// \param p [rows × rank] \param q [columns × rank], overwritten
void multiply_transposed(const Matrix<const float>& m, std::span<const float> p, std::size_t rank, std::span<float> q);

/// M ← P·Qᵀ, summed in the columns' order.
void expand(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m);

/// M ← M − P·Qᵀ, the product as expand() gives it. \returns false if a new value is not finite
bool subtract_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m);

/// Plain loops with the same results, for tests.
namespace reference {
void multiply(const Matrix<const float>& m, std::span<const float> q, std::size_t rank, std::span<float> p);
void multiply_transposed(const Matrix<const float>& m, std::span<const float> p, std::size_t rank, std::span<float> q);
void expand(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m);
bool subtract_expanded(std::span<const float> p, std::span<const float> q, std::size_t rank, const Matrix<float>& m);
}  // namespace reference

}  // namespace tersegrad::kernels
