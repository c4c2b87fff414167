// Norms: every instruction set against plain loops.
#include "tersegrad/core/kernels/norms.hpp"

#include <gtest/gtest.h>

#include "compress/kernels/kernels.hpp"

namespace tersegrad::kernels {
namespace {

using testing::awkward_sizes;
using testing::Guarded;
using testing::mixed_values;
using testing::on_every_target;

bool same(double a, double b) { return (std::isnan(a) && std::isnan(b)) || a == b; }

TEST(Norms, AreThoseOfAPlainLoop) {
  for (const std::size_t n : awkward_sizes()) {
    for (const unsigned special : {0u, 3u, 50u}) {
      auto x = mixed_values(n, n + special, special);
      if (special == 50) {  // finite, of all magnitudes
        for (float& v : x) v = std::isfinite(v) ? v : 1e-42f;
      }
      const double magnitudes = reference::sum_of_magnitudes(x), squares = reference::sum_of_squares(x);
      const float largest = reference::largest_magnitude(x);
      on_every_target([&] {
        for (const std::size_t offset : {0u, 1u, 3u}) {
          Guarded<float> in(std::span<const float>(x), offset);
          EXPECT_TRUE(same(sum_of_magnitudes(in.span()), magnitudes)) << n;
          EXPECT_TRUE(same(sum_of_squares(in.span()), squares)) << n;
          EXPECT_TRUE(same(largest_magnitude(in.span()), largest)) << n;
        }
      });
    }
  }
}

TEST(Norms, EuclideanNorm) {
  EXPECT_EQ(euclidean_norm(std::vector<float>{3, -4}), 5);
  EXPECT_TRUE(std::isnan(euclidean_norm(std::vector<float>{3, INFINITY})));
  EXPECT_GT(euclidean_norm(std::vector<float>(4, 3e38f)), 5.9e38);
}

}  // namespace
}  // namespace tersegrad::kernels
