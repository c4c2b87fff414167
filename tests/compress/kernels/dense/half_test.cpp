#include "tersegrad/compress/kernels/dense/half.hpp"

#include <algorithm>

#include "compress/kernels/kernels.hpp"

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
  from_half(std::as_bytes(bits), out);
  return out;
}

template <class Convert, class In>
auto each(Convert&& convert, const In& in) {
  std::vector<decltype(convert(in[0]))> out(in.size());
  std::transform(in.begin(), in.end(), out.begin(), convert);
  return out;
}

std::int64_t beyond(std::span<const float> x, std::uint32_t top) {
  return std::count_if(x.begin(), x.end(), [&](float v) { return (std::bit_cast<std::uint32_t>(v) & 0x7fffffffu) > top; });
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
    const std::uint16_t bits = reference::to_half(x);
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
  const auto want = each(reference::from_half, all);
  on_every_target([&] {
    const auto floats = to_float(all);
    EXPECT_TRUE(same_bytes<float>(floats, want));
    std::vector<std::uint16_t> back(all.size());
    to_half(floats, std::as_writable_bytes(std::span(back)));
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
  const auto want_half = each(reference::to_half, values), want_bfloat = each(reference::to_bfloat16, values);
  on_every_target([&] {
    std::vector<std::uint16_t> bits(values.size());
    const auto bytes = std::as_writable_bytes(std::span(bits));
    EXPECT_EQ(to_half(values, bytes), beyond(values, largest_half));
    EXPECT_TRUE(same_bytes<std::uint16_t>(bits, want_half));
    EXPECT_EQ(to_bfloat16(values, bytes), beyond(values, largest_bfloat16));
    EXPECT_TRUE(same_bytes<std::uint16_t>(bits, want_bfloat));
    EXPECT_EQ(count_beyond(values, 65519.0f), beyond(values, std::bit_cast<std::uint32_t>(65519.0f)));
  });
  // What is finite on the wire is what was not counted.
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::isfinite(reference::from_half(want_half[i])), beyond(std::span(&values[i], 1), largest_half) == 0);
    ASSERT_EQ(std::isfinite(reference::from_bfloat16(want_bfloat[i])),
              beyond(std::span(&values[i], 1), largest_bfloat16) == 0);
  }
}

TEST(Half, AnySizeAtAnyByteOnEveryTarget) {
  const auto values = boundary_values();
  for (std::size_t n = 0; n < 70; ++n) {
    const auto first = std::span(values).subspan(17 * n, n);
    const auto start = mixed_values(n, n, 10);
    const auto check = [&](std::size_t width, auto&& encode, auto&& decode, auto&& descend, auto&& plain) {
      Guarded<float> x(first, n % 5);
      Guarded<std::byte> packed(width * n, n % 7);
      encode(x.span(), packed.span());
      EXPECT_TRUE(packed.guards_survive());
      std::vector<float> expected(n), moved(start);
      for (std::size_t j = 0; j < n; ++j) {
        expected[j] = plain(first[j]);
        moved[j] = start[j] - 0.3f * expected[j];
      }
      decode(packed.span(), x.span());
      EXPECT_TRUE(x.guards_survive() && same_bytes<float>(x.span(), expected)) << n << ", width " << width;
      Guarded<float> y(std::span<const float>(start), n % 3);
      descend(packed.span(), 0.3f, y.span());
      EXPECT_TRUE(y.guards_survive() && same_floats(y.span(), moved)) << n << ", width " << width;
    };
    on_every_target([&] {
      check(2, to_half, from_half, decode_axpy_half, [](float v) { return reference::from_half(reference::to_half(v)); });
      check(2, to_bfloat16, from_bfloat16, decode_axpy_bfloat16,
            [](float v) { return reference::from_bfloat16(reference::to_bfloat16(v)); });
      const auto copy_back = [](std::span<const std::byte> in, std::span<float> out) {
        if (!out.empty()) std::memcpy(out.data(), in.data(), in.size());
      };
      check(4, copy_and_count, copy_back, decode_axpy_floats, [](float v) { return v; });
    });
  }
}

TEST(BFloat16, RoundsToNearestEvenAndBackIsExact) {
  for (const float x : boundary_values()) {
    std::uint16_t bits;
    to_bfloat16(std::span(&x, 1), std::as_writable_bytes(std::span(&bits, 1)));
    float back;
    from_bfloat16(std::as_bytes(std::span(&bits, 1)), std::span(&back, 1));
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
    from_bfloat16(std::as_bytes(std::span(all)), floats);
    for (std::uint32_t i = 0; i < all.size(); ++i) ASSERT_EQ(std::bit_cast<std::uint32_t>(floats[i]), i << 16);
  });
}

}  // namespace
}  // namespace tersegrad::kernels
