#include "tersegrad/compress/kernels/sign/sign_pack.hpp"

#include "compress/kernels/kernels.hpp"
#include "tersegrad/core/kernels/norms.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

std::size_t plane_size(std::size_t n) { return (n + 7) / 8; }
bool bit(std::span<const std::byte> plane, std::size_t j) {
  return (plane[j / 8] >> (j % 8) & std::byte{1}) != std::byte{0};
}

TEST(PackSigns, KnownValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{1, -1, 0.0f, -0.0f, inf, -inf, nan, -nan, 1e-45f, -1e-45f};
  on_every_target([&] {
    std::vector<std::byte> signs(2, std::byte{0xff}), zeros(2, std::byte{0xff});
    const SignCounts counts = pack_signs(x, signs, zeros);
    EXPECT_EQ(counts, (SignCounts{.zeros = 2, .nonfinite = 4, .nan = 2}));
    EXPECT_EQ(signs, (std::vector{std::byte{0b00010001}, std::byte{0b01}}));  // 1, inf; the smallest denormal
    EXPECT_EQ(zeros, (std::vector{std::byte{0b11001100}, std::byte{0}}));     // ±0, NaN
  });
}

// The scalar twin against the definition, coordinate by coordinate.
TEST(PackSigns, ReferenceFollowsTheDefinition) {
  for (const std::size_t n : awkward_sizes()) {
    const auto x = mixed_values(n, n, 3);
    std::vector<std::byte> signs(plane_size(n), std::byte{0xff}), zeros(plane_size(n), std::byte{0xff});
    reference::pack_signs(x, signs, zeros);
    for (std::size_t j = 0; j < 8 * plane_size(n); ++j) {
      EXPECT_EQ(bit(signs, j), j < n && x[j] > 0);
      EXPECT_EQ(bit(zeros, j), j < n && !(x[j] > 0) && !(x[j] < 0));
    }
  }
}

TEST(PackSigns, EqualsReferenceOnEveryTarget) {
  for (const std::size_t n : awkward_sizes()) {
    for (const unsigned special : {0u, 1u, 2u, 50u, 1000u}) {
      for (const std::size_t offset : {0u, 1u, 3u, 15u}) {
        SCOPED_TRACE(::testing::Message() << "n " << n << ", one special in " << special << ", offset " << offset);
        const auto values = mixed_values(n, 31 * n + special, special);
        Guarded<float> x(std::span<const float>(values), offset);
        std::vector<std::byte> want_signs(plane_size(n)), want_zeros(plane_size(n));
        const SignCounts want = reference::pack_signs(x.span(), want_signs, want_zeros);
        on_every_target([&] {
          Guarded<std::byte> signs(plane_size(n), offset), zeros(plane_size(n), 2 * offset + 1);
          EXPECT_EQ(pack_signs(x.span(), signs.span(), zeros.span()), want);
          EXPECT_TRUE(same_bytes<std::byte>(signs.span(), want_signs));
          EXPECT_TRUE(same_bytes<std::byte>(zeros.span(), want_zeros));
          EXPECT_TRUE(signs.guards_survive() && zeros.guards_survive());
          const SignTotals measured = pack_signs_measured(x.span(), signs.span(), zeros.span());
          EXPECT_EQ(measured.counts, want);
          const double sum = reference::sum_of_magnitudes(x.span());
          EXPECT_TRUE(std::isnan(sum) ? std::isnan(measured.magnitudes) : measured.magnitudes == sum);
          EXPECT_TRUE(same_bytes<std::byte>(signs.span(), want_signs));
          EXPECT_TRUE(same_bytes<std::byte>(zeros.span(), want_zeros));
          EXPECT_TRUE(signs.guards_survive() && zeros.guards_survive());
        });
      }
    }
  }
}

// One special value in an otherwise plain vector is seen wherever it stands.
TEST(PackSigns, FindsASingleSpecialValueAnywhere) {
  constexpr std::size_t n = 4096 + 200;
  std::vector<float> x(n, 1.0f);
  for (const float special : {0.0f, -0.0f, from_bits(0x7f800001u), from_bits(0x7f800000u), from_bits(0xff800000u)}) {
    for (std::size_t j = 0; j < n; j += 7) {
      x[j] = special;
      std::vector<std::byte> signs(plane_size(n)), zeros(plane_size(n));
      on_every_target([&] {
        const SignCounts counts = pack_signs(x, signs, zeros);
        EXPECT_EQ(counts, (SignCounts{special == 0, !std::isfinite(special), std::isnan(special)})) << j;
      });
      x[j] = 1.0f;
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
