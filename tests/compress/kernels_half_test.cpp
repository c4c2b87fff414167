#include "tersegrad/compress/kernels/half.hpp"

#include <algorithm>

#include "compress/kernels.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

/// Value of finite binary16 bits, by the definition.
double half_value(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31u);
  const double mantissa = bits & 0x3ffu;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

std::vector<float> to_float(std::span<const std::uint16_t> bits) {
  std::vector<float> out(bits.size());
  from_half(bits, out);
  return out;
}

/// Floats at and beside every rounding boundary of a 16-bit format: its values, the midpoints, one step beside each.
std::vector<float> boundary_values() {
  std::vector<float> values = special_values();
  for (unsigned bits = 0; bits < 0x7c00u; ++bits) {
    const double here = half_value(bits), next = bits == 0x7bffu ? 65536.0 : half_value(bits + 1);
    for (const double v : {here, (here + next) / 2}) {
      const auto x = static_cast<float>(v);
      for (const float y : {std::nextafter(x, -1.0f), x, std::nextafter(x, 1e9f)}) {
        values.push_back(y);
        values.push_back(-y);
      }
    }
  }
  for (std::uint32_t upper = 0; upper < 0x10000u; upper += 7) {  // bfloat16: what is dropped, around its middle
    for (const std::uint32_t lower : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      values.push_back(from_bits(upper << 16 | lower));
    }
  }
  Sequence random({.seed = 9});
  for (int i = 0; i < 100003; ++i) values.push_back(from_bits(random()));
  return values;
}

TEST(Half, ReferenceRoundsToNearestEven) {
  for (const float x : boundary_values()) {
    std::uint16_t bits;
    reference::to_half(std::span(&x, 1), std::span(&bits, 1));
    ASSERT_EQ(bits >> 15, std::bit_cast<std::uint32_t>(x) >> 31);
    const unsigned magnitude = bits & 0x7fffu;
    if (std::isnan(x)) {
      ASSERT_GT(magnitude, 0x7dffu) << "a quiet NaN";
      continue;
    }
    const double v = std::abs(static_cast<double>(x));
    if (magnitude == 0x7c00u) {
      ASSERT_GE(v, 65520.0);
      continue;
    }
    ASSERT_LT(magnitude, 0x7c00u);
    ASSERT_LT(v, 65520.0);
    const double error = std::abs(half_value(magnitude) - v);
    const double above = magnitude == 0x7bffu ? 65536.0 - v : half_value(magnitude + 1) - v;
    const double below = magnitude == 0 ? v + half_value(1) : v - half_value(magnitude - 1);
    ASSERT_LE(error, std::min(above, below)) << x;
    if (error == above || error == below) {
      ASSERT_EQ(magnitude % 2, 0u) << x;
    }
  }
}

TEST(Half, FromHalfIsExactAndToHalfUndoesIt) {
  std::vector<std::uint16_t> all(0x10000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<float> want(all.size());
  reference::from_half(all, want);
  on_every_target([&] {
    const auto floats = to_float(all);
    EXPECT_TRUE(same_bytes<float>(floats, want));
    std::vector<std::uint16_t> back(all.size());
    to_half(floats, back);
    for (unsigned i = 0; i < all.size(); ++i) {
      if ((i & 0x7fffu) > 0x7c00u) {
        EXPECT_TRUE(std::isnan(floats[i]));
        EXPECT_EQ(back[i], i | 0x200u);  // made quiet, nothing else
      } else {
        if ((i & 0x7fffu) < 0x7c00u) {
          EXPECT_EQ(static_cast<double>(floats[i]), half_value(i));
        }
        EXPECT_EQ(back[i], i);
      }
    }
    EXPECT_EQ(floats[0x7c00], std::numeric_limits<float>::infinity());
    EXPECT_EQ(floats[0xfc00], -std::numeric_limits<float>::infinity());
  });
}

TEST(Half, EqualsReferenceOnEveryTarget) {
  const auto values = boundary_values();
  std::vector<std::uint16_t> want_half(values.size()), want_bfloat(values.size());
  reference::to_half(values, want_half);
  reference::to_bfloat16(values, want_bfloat);
  on_every_target([&] {
    std::vector<std::uint16_t> bits(values.size());
    to_half(values, bits);
    EXPECT_TRUE(same_bytes<std::uint16_t>(bits, want_half));
    to_bfloat16(values, bits);
    EXPECT_TRUE(same_bytes<std::uint16_t>(bits, want_bfloat));
  });
  for (std::size_t n = 0; n < 70; ++n) {
    on_every_target([&] {
      Guarded<float> x(std::span<const float>(values).first(n), n % 5);
      Guarded<std::uint16_t> bits(n, n % 7);
      to_half(x.span(), bits.span());
      EXPECT_TRUE(same_bytes<std::uint16_t>(bits.span(), std::span(want_half).first(n)));
      to_bfloat16(x.span(), bits.span());
      EXPECT_TRUE(same_bytes<std::uint16_t>(bits.span(), std::span(want_bfloat).first(n)));
      from_half(bits.span(), x.span());
      from_bfloat16(bits.span(), x.span());
      EXPECT_TRUE(bits.guards_survive() && x.guards_survive());
    });
  }
}

TEST(BFloat16, RoundsToNearestEvenAndBackIsExact) {
  for (const float x : boundary_values()) {
    std::uint16_t bits;
    to_bfloat16(std::span(&x, 1), std::span(&bits, 1));
    float back;
    from_bfloat16(std::span<const std::uint16_t>(&bits, 1), std::span(&back, 1));
    ASSERT_EQ(std::bit_cast<std::uint32_t>(back), std::uint32_t{bits} << 16);
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(back));
      continue;
    }
    // As integers, float bits are equally spaced where bfloat16 values are 2^16 apart.
    const std::int64_t magnitude = std::bit_cast<std::uint32_t>(x) & 0x7fffffffu;
    const std::int64_t error = (std::int64_t{bits & 0x7fffu} << 16) - magnitude;
    ASSERT_LE(std::abs(error), 0x8000) << x;
    if (std::abs(error) == 0x8000) {
      ASSERT_EQ(bits % 2, 0) << x;
    }
    ASSERT_EQ(bits >> 15, std::bit_cast<std::uint32_t>(x) >> 31);
  }
}

TEST(BFloat16, FromIsTheUpperHalfOnEveryTarget) {
  std::vector<std::uint16_t> all(0x10000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  on_every_target([&] {
    std::vector<float> floats(all.size());
    from_bfloat16(all, floats);
    for (std::uint32_t i = 0; i < all.size(); ++i) ASSERT_EQ(std::bit_cast<std::uint32_t>(floats[i]), i << 16);
  });
}

}  // namespace
}  // namespace tersegrad::kernels
