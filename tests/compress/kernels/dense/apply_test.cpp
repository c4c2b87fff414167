#include "tersegrad/compress/kernels/dense/apply.hpp"

#include "compress/kernels/kernels.hpp"
#include "tersegrad/compress/kernels/sign/planes.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

/// `count` random planes of n coordinates, at awkward addresses.
struct RandomPlanes {
  RandomPlanes(std::size_t count, std::size_t n, std::uint64_t seed) {
    Sequence random({.seed = seed});
    for (std::size_t p = 0; p < count; ++p) {
      storage.emplace_back((n + 7) / 8 + p);
      for (auto& byte : storage.back()) byte = static_cast<std::byte>(random());
      pointers.push_back(storage.back().data() + p);
    }
  }
  std::vector<std::vector<std::byte>> storage;
  std::vector<const std::byte*> pointers;
};

TEST(DecodeCounts, HandValues) {
  // Counts 0, 1, 2, 3 of three agents are the sums of signs −3, −1, 1, 3.
  const std::byte low{0b1010}, high{0b1100};
  const std::vector<const std::byte*> planes{&low, &high};
  on_every_target([&] {
    std::vector<float> mean(4);
    decode_counts(planes, mean, 1.0f / 3, -3, 2);
    EXPECT_EQ(mean, (std::vector<float>{-3 * (1.0f / 3), -1.0f / 3, 1.0f / 3, 3 * (1.0f / 3)}));
    std::vector<float> x{1, 1, 1, 1};
    apply_counts(planes, x, 1, -3, 2, 0.5f);
    EXPECT_EQ(x, (std::vector<float>{2.5f, 1.5f, 0.5f, -0.5f}));
  });
}

TEST(DecodeCounts, EqualsReferenceOnEveryTarget) {
  for (const std::size_t count : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 11u, 16u, 17u}) {
    for (const std::size_t n : awkward_sizes()) {
      if (count > 5 && n > 300) continue;
      const RandomPlanes planes(count, n, 100 * n + count);
      const auto offset = -static_cast<std::int32_t>(n % 100) - 1;
      for (const std::int32_t factor : {1, 2}) {
        for (const float scale : {1.0f / 3, 1.0f, 1e-44f, -0.0f, std::numeric_limits<float>::infinity()}) {
          SCOPED_TRACE(concat(count, " planes, n ", n, ", factor ", factor, ", scale ", scale));
          std::vector<float> want(n);
          reference::decode_counts(planes.pointers, want, scale, offset, factor);
          on_every_target([&] {
            Guarded<float> out(n, n % 7);
            decode_counts(planes.pointers, out.span(), scale, offset, factor);
            EXPECT_TRUE(same_floats(out.span(), want));
            EXPECT_TRUE(out.guards_survive());
          });
        }
      }
    }
  }
}

TEST(ApplyCounts, EqualsReferenceAndDecodeThenUpdateOnEveryTarget) {
  for (const std::size_t count : {1u, 2u, 3u, 4u, 5u, 8u, 9u, 11u, 17u}) {
    for (const std::size_t n : awkward_sizes()) {
      if (count > 5 && n > 300) continue;
      const RandomPlanes planes(count, n, 200 * n + count);
      const auto offset = -static_cast<std::int32_t>(n % 100) - 1;
      for (const unsigned special : {0u, 3u}) {
        const auto x = mixed_values(n, n + special, special);
        for (const float scale : {1.0f, 1.0f / 7}) {
          for (const float step : {0.001f, -0.37f, 1e-44f}) {
            SCOPED_TRACE(concat(count, " planes, n ", n, ", scale ", scale, ", step ", step));
            auto want = x;
            reference::apply_counts(planes.pointers, want, scale, offset, 2, step);
            on_every_target([&] {
              Guarded<float> out(std::span<const float>(x), n % 7);
              apply_counts(planes.pointers, out.span(), scale, offset, 2, step);
              EXPECT_TRUE(same_floats(out.span(), want));
              EXPECT_TRUE(out.guards_survive());
              std::vector<float> u(n), y = x;
              decode_counts(planes.pointers, u, scale, offset, 2);
              for (std::size_t j = 0; j < n; ++j) {
                const float move = step * u[j];
                y[j] = y[j] - move;
              }
              EXPECT_TRUE(same_floats(y, want));
            });
          }
        }
      }
    }
  }
}

// pack → count → decode is the mean of signs, with and without zeros, for every number of agents.
TEST(DecodeCounts, EndToEndIsTheMeanOfSigns) {
  constexpr std::size_t n = 333, bytes = (n + 7) / 8;
  for (std::size_t agents = 1; agents <= 40; ++agents) {
    for (const unsigned special : {0u, 4u}) {
      std::vector<std::vector<std::byte>> signs(agents, std::vector<std::byte>(bytes)), zeros = signs;
      std::vector<const std::byte*> sign_planes, zero_planes;
      std::vector<std::int32_t> sums(n, 0);
      for (std::size_t a = 0; a < agents; ++a) {
        const auto x = mixed_values(n, 50 * a + agents, special);
        const SignCounts counts = pack_signs(x, signs[a], zeros[a]);
        sign_planes.push_back(signs[a].data());
        zero_planes.push_back(counts.zeros + counts.nan > 0 ? zeros[a].data() : nullptr);
        for (std::size_t j = 0; j < n; ++j) sums[j] += (x[j] > 0) - (x[j] < 0);
      }
      const auto count = static_cast<std::int32_t>(agents);
      const int planes = planes_for(special == 0 ? count : 2 * count);
      std::vector<std::vector<std::byte>> out(static_cast<std::size_t>(planes), std::vector<std::byte>(bytes));
      std::vector<std::byte*> out_planes;
      for (auto& plane : out) out_planes.push_back(plane.data());
      on_every_target([&] {
        if (special == 0) {
          count_votes(sign_planes, bytes, out_planes.data(), planes);
        } else {
          count_votes_with_zeros(sign_planes, zero_planes, bytes, out_planes.data(), planes);
        }
        std::vector<float> mean(n);
        const std::vector<const std::byte*> in(out_planes.begin(), out_planes.end());
        const float scale = 1.0f / static_cast<float>(agents);
        decode_counts(in, mean, scale, -count, special == 0 ? 2 : 1);
        for (std::size_t j = 0; j < n; ++j) {
          EXPECT_EQ(mean[j], static_cast<float>(sums[j]) * scale) << agents << " agents, coordinate " << j;
        }
      });
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
