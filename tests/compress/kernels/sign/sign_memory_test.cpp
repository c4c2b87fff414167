// Signs of gradient and memory together: every instruction set against plain loops, and those against the definitions.
#include "tersegrad/compress/kernels/sign/sign_memory.hpp"

#include "compress/kernels/kernels.hpp"
#include "tersegrad/core/kernels/norms.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

std::size_t plane_size(std::size_t n) { return (n + 7) / 8; }

std::vector<float> finite_values(std::size_t n, std::uint64_t seed, unsigned special) {
  auto values = mixed_values(n, seed, special);
  for (float& v : values) v = std::isfinite(v) ? v : -0.0f;
  return values;
}

bool same(double a, double b) { return (std::isnan(a) && std::isnan(b)) || a == b; }

/// Planes of n coordinates, random as a step before may have left them.
struct Planes {
  std::vector<std::byte> signs, zeros;
  Planes(std::size_t n, std::uint64_t seed) : signs(plane_size(n)), zeros(plane_size(n)) {
    Sequence random({.seed = seed});
    for (std::size_t b = 0; b < signs.size(); ++b) {
      zeros[b] = static_cast<std::byte>(random() & random());
      signs[b] = static_cast<std::byte>(random()) & ~zeros[b];
    }
    if (n % 8 != 0) {
      signs.back() &= static_cast<std::byte>((1u << n % 8) - 1);
      zeros.back() &= static_cast<std::byte>((1u << n % 8) - 1);
    }
  }
  int sign(std::size_t j) const {
    const auto bit = [&](const std::vector<std::byte>& plane) { return std::to_integer<int>(plane[j / 8] >> j % 8) & 1; };
    return bit(zeros) != 0 ? 0 : 2 * bit(signs) - 1;
  }
};

TEST(SignMemory, AnAxpbyIsPackedAsItsValues) {
  for (const std::size_t n : awkward_sizes()) {
    for (const unsigned special : {0u, 3u, 60u}) {
      const auto g = mixed_values(n, n + special, special), m = mixed_values(n, 2 * n + special, special);
      for (const auto& [a, b] : {std::pair(1.0f, 1.0f), std::pair(1.0f, -1.0f), std::pair(0.1f, 0.9f)}) {
        std::vector<float> p(n);
        for (std::size_t j = 0; j < n; ++j) p[j] = b * m[j] + a * g[j];
        std::vector<std::byte> signs(plane_size(n)), zeros(plane_size(n));
        const auto want = reference::pack_signs(p, signs, zeros);
        const std::int64_t nonfinite = want.nonfinite;
        on_every_target([&] {
          for (const bool in_place : {false, true}) {
            Guarded<float> gradient(std::span<const float>(g), n % 5), memory(std::span<const float>(m), n % 3);
            Guarded<float> other(n, n % 4);
            const auto out = in_place ? memory.span() : other.span();
            Guarded<std::byte> s(plane_size(n), n % 3), z(plane_size(n), n % 2);
            EXPECT_EQ(pack_signs_axpby({gradient.span(), memory.span(), a, b}, out, s.span(), z.span()), want);
            EXPECT_TRUE(same_floats(out, p)) << n;
            EXPECT_TRUE(same_bytes<std::byte>(s.span(), signs) && same_bytes<std::byte>(z.span(), zeros)) << n;
            EXPECT_TRUE(s.guards_survive() && z.guards_survive() && memory.guards_survive() && other.guards_survive());
            Guarded<float> again(std::span<const float>(m), n % 3);
            const auto to = in_place ? again.span() : other.span();
            EXPECT_EQ(axpby({gradient.span(), again.span(), a, b}, to), nonfinite);
            EXPECT_TRUE(same_floats(to, p) && again.guards_survive()) << n;
          }
        });
      }
    }
  }
}

TEST(SignMemory, AResidualIsTakenOnTheWay) {
  for (const std::size_t n : awkward_sizes()) {
    for (const unsigned special : {0u, 3u, 60u}) {
      for (const float scale : {0.0f, 0.25f, 1e-45f, 3e38f}) {
        const auto g = mixed_values(n, n + special, special), m = finite_values(n, 2 * n + special, special);
        std::vector<float> p(n), e(m);
        for (std::size_t j = 0; j < n; ++j) {
          e[j] = m[j] > 0 ? m[j] - scale : m[j] < 0 ? m[j] + scale : m[j];
          p[j] = g[j] + e[j];
        }
        std::vector<std::byte> signs(plane_size(n)), zeros(plane_size(n));
        const auto want = reference::pack_signs(p, signs, zeros);
        const double magnitudes = sum_of_magnitudes(p);
        const auto check = [&](auto&& kernel) {
          for (const bool in_place : {false, true}) {
            Guarded<float> gradient(std::span<const float>(g), n % 5), memory(std::span<const float>(m), n % 3);
            Guarded<float> other(n, n % 4);
            const auto out = in_place ? memory.span() : other.span();
            Guarded<std::byte> s(plane_size(n), n % 3), z(plane_size(n), n % 2);
            const SignTotals got = kernel(gradient.span(), memory.span(), scale, out, s.span(), z.span());
            EXPECT_EQ(got.counts, want);
            EXPECT_TRUE(same(got.magnitudes, magnitudes)) << n;
            EXPECT_TRUE(same_floats(out, p)) << n;
            EXPECT_TRUE(same_bytes<std::byte>(s.span(), signs) && same_bytes<std::byte>(z.span(), zeros)) << n;
            EXPECT_TRUE(s.guards_survive() && z.guards_survive() && memory.guards_survive() && other.guards_survive());
          }
        };
        check(reference::pack_signs_residual);
        on_every_target([&] { check(pack_signs_residual); });
        auto taken = m;
        take_residual(taken, scale);
        EXPECT_TRUE(same_bytes<float>(taken, e));
      }
    }
  }
}

TEST(SignMemory, AnEstimateFollowsTheSignsOfTheStepBefore) {
  for (const std::size_t n : awkward_sizes()) {
    for (const unsigned special : {0u, 3u, 60u}) {
      for (const float scale : {0.0f, 0.25f, 1e-45f, 3e38f}) {
        const auto g = mixed_values(n, n + special, special), h = finite_values(n, 2 * n + special, special);
        const Planes last(n, n);
        std::vector<float> p(n), moved(h);
        for (std::size_t j = 0; j < n; ++j) {
          const float to = h[j] + scale * static_cast<float>(last.sign(j));
          if (scale != 0 && last.sign(j) != 0 && std::isfinite(to)) moved[j] = to;
          p[j] = g[j] - moved[j];
        }
        std::vector<std::byte> signs(plane_size(n)), zeros(plane_size(n));
        const auto want = reference::pack_signs(p, signs, zeros);
        const double magnitudes = sum_of_magnitudes(p);
        const auto check = [&](auto&& kernel) {
          Guarded<float> gradient(std::span<const float>(g), n % 5), estimate(std::span<const float>(h), n % 3);
          Guarded<std::byte> s(std::span<const std::byte>(last.signs), n % 3);
          Guarded<std::byte> z(std::span<const std::byte>(last.zeros), n % 2);
          const SignTotals got = kernel(gradient.span(), scale, estimate.span(), s.span(), z.span());
          EXPECT_EQ(got.counts, want);
          EXPECT_TRUE(same(got.magnitudes, magnitudes)) << n;
          EXPECT_TRUE(same_bytes<float>(estimate.span(), moved)) << n;
          EXPECT_TRUE(same_bytes<std::byte>(s.span(), signs) && same_bytes<std::byte>(z.span(), zeros)) << n;
          EXPECT_TRUE(s.guards_survive() && z.guards_survive() && estimate.guards_survive());
        };
        check(reference::pack_signs_estimate);
        on_every_target([&] { check(pack_signs_estimate); });
        auto added = h;
        add_signs(added, scale, last.signs, last.zeros);
        for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(added[j], moved[j]) << j;
      }
    }
  }
}

// What is not finite is found wherever it stands, though it is looked for in chunks.
TEST(SignMemory, FindsASingleSpecialValueAnywhere) {
  constexpr std::size_t n = 4096 + 200;
  std::vector<float> g(n, 1.0f);
  for (const float special : {from_bits(0x7f800001u), from_bits(0x7f800000u), from_bits(0xff800000u)}) {
    for (std::size_t j = 0; j < n; j += 7) {
      g[j] = special;
      std::vector<float> memory(n, 0.5f);
      std::vector<std::byte> signs(plane_size(n)), zeros(plane_size(n));
      const SignCounts want{0, 1, std::isnan(special)};
      EXPECT_EQ(pack_signs_residual(g, memory, 0.25f, memory, signs, zeros).counts, want) << j;
      std::fill(memory.begin(), memory.end(), 0.5f);
      EXPECT_EQ(pack_signs_estimate(g, 0, memory, signs, zeros).counts, want) << j;
      EXPECT_EQ(pack_signs_axpby({g, memory}, memory, signs, zeros), want) << j;
      g[j] = 1.0f;
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
