// Products of low-rank compression: the same bits as plain loops on every instruction set; columns made orthonormal.
#include "tersegrad/compress/kernels/low_rank/products.hpp"

#include "compress/kernels/kernels.hpp"
#include "tersegrad/compress/kernels/low_rank/gram_schmidt.hpp"

namespace tersegrad::kernels {
namespace {

using testing::Guarded;
using testing::mixed_values;
using testing::on_every_target;
using testing::same_floats;

struct Shape {
  std::size_t rows, columns, rank;
};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const std::size_t rank : {1u, 2u, 3u, 4u, 5u, 8u, 9u, 17u}) {
    for (const std::size_t columns : {1u, 7u, 15u, 16u, 17u, 31u, 33u, 48u, 64u, 75u}) {
      for (const std::size_t rows : {1u, 2u, 3u, 5u, 8u, 9u, 19u}) all.push_back({rows, columns, rank});
    }
  }
  for (const std::size_t columns : {1024u, 1025u, 2100u}) all.push_back({9, columns, 4});
  all.push_back({300, 20, 4});
  return all;
}

TEST(LowRankProducts, AreThePlainLoopsOnEveryInstructionSet) {
  for (const unsigned special : {0u, 400u}) {  // without NaN, inf and denormals, and with some
    for (const auto& [rows, columns, rank] : shapes()) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns << ", rank " << rank);
      const auto values = mixed_values(rows * columns, rows + 100 * columns, special);
      const auto q = mixed_values(columns * rank, 1, special), p = mixed_values(rows * rank, 2, special);
      std::vector<float> mq(rows * rank), mtp(columns * rank), pq(rows * columns), less = values;
      reference::multiply({values, rows, columns}, q, rank, mq);
      reference::multiply_transposed({values, rows, columns}, p, rank, mtp);
      reference::expand(p, q, rank, {pq, rows, columns});
      const bool finite = reference::subtract_expanded(p, q, rank, {less, rows, columns});
      on_every_target([&] {
        for (const std::size_t offset : {0u, 3u}) {
          Guarded<float> m(values, offset), of_p(rows * rank, offset), of_q(columns * rank, offset), out(rows * columns, offset);
          multiply({m.span(), rows, columns}, q, rank, of_p.span());
          multiply_transposed({m.span(), rows, columns}, p, rank, of_q.span());
          expand(p, q, rank, {out.span(), rows, columns});
          EXPECT_TRUE(same_floats(of_p.span(), mq));
          EXPECT_TRUE(same_floats(of_q.span(), mtp));
          EXPECT_TRUE(same_floats(out.span(), pq));
          EXPECT_EQ(subtract_expanded(p, q, rank, {m.span(), rows, columns}), finite);
          EXPECT_TRUE(same_floats(m.span(), less));
          EXPECT_TRUE(m.guards_survive() && of_p.guards_survive() && of_q.guards_survive() && out.guards_survive());
        }
      });
    }
  }
}

TEST(LowRankProducts, AreTheProducts) {
  const std::size_t rows = 37, columns = 53, rank = 3;
  const auto m = mixed_values(rows * columns, 1, 0), q = mixed_values(columns * rank, 2, 0), p = mixed_values(rows * rank, 3, 0);
  std::vector<float> mq(rows * rank), mtp(columns * rank), pq(rows * columns);
  multiply({m, rows, columns}, q, rank, mq);
  multiply_transposed({m, rows, columns}, p, rank, mtp);
  expand(p, q, rank, {pq, rows, columns});
  // Values are below 1/2: a sum of n products is below n/4, and off by less than n/4 · n·2^-24.
  const auto near = [](double value, double exact, std::size_t n) {
    return std::abs(value - exact) <= 0.25 * static_cast<double>(n * n) * 0x1p-24;
  };
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < columns; ++j) sum += double{m[i * columns + j]} * double{q[k * columns + j]};
      EXPECT_TRUE(near(mq[k * rows + i], sum, columns));
    }
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t i = 0; i < rows; ++i) sum += double{m[i * columns + j]} * double{p[k * rows + i]};
      EXPECT_TRUE(near(mtp[k * columns + j], sum, rows));
    }
  }
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < rank; ++k) sum += double{p[k * rows + i]} * double{q[k * columns + j]};
      EXPECT_TRUE(near(pq[i * columns + j], sum, rank));
    }
  }
}

double dot(std::span<const float> columns, std::size_t n, std::size_t a, std::size_t b) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += double{columns[a * n + i]} * double{columns[b * n + i]};
  return sum;
}

TEST(Orthonormalize, GivesAnOrthonormalBasisOfTheSameColumns) {
  for (const std::size_t n : {1u, 5u, 16u, 40u, 1000u}) {
    for (std::size_t rank = 1; rank <= std::min<std::size_t>(n, 8); ++rank) {
      for (const float size : {1.0f, 1e-30f, 1e30f}) {
        auto columns = mixed_values(n * rank, n + rank, 0);
        for (auto& v : columns) v *= size;
        const auto before = columns;
        orthonormalize(columns, rank);
        for (std::size_t a = 0; a < rank; ++a) {
          for (std::size_t b = 0; b <= a; ++b) {
            // A value is off by at most 2^-24 of itself, a product of two unit columns so by 2^-23.
            EXPECT_NEAR(dot(columns, n, a, b), a == b, 0x1p-22) << n << ", rank " << rank;
          }
          std::vector<double> left(before.begin() + std::ptrdiff_t(a * n), before.begin() + std::ptrdiff_t((a + 1) * n));
          double all = 0, rest = 0;
          for (const double v : left) all += v * v;
          for (std::size_t b = 0; b <= a; ++b) {
            double along = 0;
            for (std::size_t i = 0; i < n; ++i) along += left[i] * double{columns[b * n + i]};
            for (std::size_t i = 0; i < n; ++i) left[i] -= along * double{columns[b * n + i]};
          }
          for (const double v : left) rest += v * v;
          EXPECT_LE(std::sqrt(rest / all), 1e-6) << "column " << a << " of " << rank << " lies in the span of the first";
        }
      }
    }
  }
}

TEST(Orthonormalize, ParallelColumnsBecomeOrthogonalOrZero) {
  const std::size_t n = 50;
  auto columns = mixed_values(4 * n, 5, 0);
  for (std::size_t i = 0; i < n; ++i) {
    columns[n + i] = 0.1f * columns[i];        // parallel but for round-off: what is left of it is a direction like another
    columns[2 * n + i] = 2.0f * columns[i];    // exactly parallel
    columns[3 * n + i] = 0;
  }
  orthonormalize(columns, 4);
  EXPECT_NEAR(dot(columns, n, 0, 0), 1, 0x1p-22);
  EXPECT_NEAR(dot(columns, n, 1, 1), 1, 0x1p-22);
  EXPECT_NEAR(dot(columns, n, 0, 1), 0, 0x1p-22);
  for (std::size_t i = 2 * n; i < 4 * n; ++i) EXPECT_EQ(columns[i], 0.0f);
}

TEST(Orthonormalize, WhatIsNotFiniteShows) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    auto columns = mixed_values(3 * 20, 6, 0);
    columns[20 + 7] = bad;
    orthonormalize(columns, 3);
    EXPECT_NEAR(dot(columns, 20, 0, 0), 1, 0x1p-22);
    for (std::size_t i = 20; i < 60; ++i) EXPECT_TRUE(std::isnan(columns[i]));
  }
}

TEST(Orthonormalize, KeepsDenormals) {
  std::vector<float> columns(32, 0.0f);
  columns[3] = testing::from_bits(1);
  columns[16 + 3] = testing::from_bits(3);
  columns[16 + 4] = testing::from_bits(5);
  orthonormalize(columns, 2);
  EXPECT_EQ(columns[3], 1.0f);
  EXPECT_EQ(columns[16 + 4], 1.0f);
  EXPECT_EQ(columns[16 + 3], 0.0f);
}

}  // namespace
}  // namespace tersegrad::kernels
