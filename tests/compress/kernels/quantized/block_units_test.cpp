// The units of blocks: every instruction set against plain loops.
#include "tersegrad/compress/kernels/quantized/block_units.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "compress/kernels/kernels.hpp"
#include "tersegrad/core/kernels/norms.hpp"

namespace tersegrad::kernels {
namespace {

using testing::awkward_sizes;
using testing::Guarded;
using testing::mixed_values;
using testing::on_every_target;
using testing::same_floats;

TEST(Units, AreThoseOfAPlainLoopAndCoverTheBlock) {
  for (const std::size_t n : awkward_sizes()) {
    for (const float scale : {1.0f, 0.0f, 1e-30f, 1e-44f, 3e38f}) {
      auto x = mixed_values(n, n, 60);
      for (std::size_t j = 0; j < n; ++j) {
        if (!std::isfinite(x[j]) && j % 300 < 200) x[j] = -0.0f;  // most blocks are finite
        x[j] *= j % 512 < 256 ? scale : 1;                         // blocks of their own magnitude
      }
      for (const std::size_t block : {1u, 8u, 13u, 16u, 48u, 128u}) {
        for (const std::uint32_t levels : {1u, 7u, 32767u}) {
          std::vector<float> euclidean((n + block - 1) / block), largest(euclidean.size());
          reference::euclidean_units(x, block, levels, euclidean);
          reference::largest_units(x, block, levels, largest);
          for (std::size_t b = 0; b < largest.size(); ++b) {
            const auto part = std::span<const float>(x).subspan(b * block, std::min(block, n - b * block));
            const double top = reference::largest_magnitude(part), norm = euclidean_norm(part);
            EXPECT_EQ(std::isnan(top), std::isnan(largest[b]) && std::isnan(euclidean[b]));
            if (std::isnan(top)) continue;
            for (const auto& [unit, of] : {std::pair(largest[b], top), std::pair(euclidean[b], norm)}) {
              EXPECT_EQ(unit == 0, of == 0);
              EXPECT_TRUE(std::isfinite(unit * static_cast<float>(levels)));
              EXPECT_GE(unit * static_cast<float>(levels), 0.99999 * top);
              if (of > 1e-20 && of < 1e38) {
                EXPECT_NEAR(static_cast<double>(unit) * levels, of, 1e-5 * of);
              }
            }
          }
          on_every_target([&] {
            Guarded<float> in(std::span<const float>(x), n % 3);
            Guarded<float> units(largest.size(), 1);
            euclidean_units(in.span(), block, levels, units.span());
            EXPECT_TRUE(units.guards_survive() && same_floats(units.span(), euclidean)) << n << ", " << block;
            largest_units(in.span(), block, levels, units.span());
            EXPECT_TRUE(units.guards_survive() && same_floats(units.span(), largest)) << n << ", " << block;
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
