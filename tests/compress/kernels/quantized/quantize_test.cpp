// Stochastic rounding to levels and to powers of two: every instruction set against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "compress/kernels/kernels.hpp"
#include "tersegrad/compress/kernels/dense/accumulate.hpp"
#include "tersegrad/compress/kernels/quantized/block_units.hpp"
#include "tersegrad/compress/kernels/quantized/coins.hpp"
#include "tersegrad/compress/kernels/quantized/natural.hpp"
#include "tersegrad/compress/kernels/quantized/quantize.hpp"
#include "tersegrad/core/kernels/norms.hpp"

namespace tersegrad::kernels {
namespace {

using testing::awkward_sizes;
using testing::from_bits;
using testing::Guarded;
using testing::mixed_values;
using testing::on_every_target;
using testing::same_bytes;
using testing::same_floats;

/// Coins of n coordinates. Some at both ends, where a sum may be off by one.
Coins coins_of(std::size_t n, std::uint64_t seed) {
  Coins coins({.seed = seed});
  coins.draw(seed % 50, n);
  for (std::size_t j = 0; j < n; j += 7) coins.leading()[j] = j % 2 == 0 ? 0xffffu : j % 3 == 0 ? 0u : 1u;
  return coins;
}

/// kernel(to) does to sums of n values what plain(to) does.
template <class Kernel, class Plain>
void expect_same_accumulation(std::size_t n, std::uint64_t seed, Kernel&& kernel, Plain&& plain) {
  const auto sums = mixed_values(n, seed, 30);
  for (const bool first : {false, true}) {
    auto expected = sums;
    plain(Accumulation{expected.data(), first});
    on_every_target([&] {
      for (const std::size_t offset : {0u, 1u, 3u}) {
        Guarded<float> sum(std::span<const float>(sums), offset);
        kernel(Accumulation{sum.span().data(), first});
        EXPECT_TRUE(sum.guards_survive() && same_floats(sum.span(), expected)) << n << ", first " << first;
      }
    });
  }
}

TEST(Accumulation, DividesAsDivisionDoes) {
  for (const std::size_t n : {0u, 1u, 15u, 16u, 17u, 64u, 300u}) {
    const auto start = mixed_values(n, n, 10);
    for (const std::size_t agents : {1u, 2u, 3u, 8u, 10u}) {
      std::vector<float> expected(start);
      for (float& value : expected) value /= static_cast<float>(agents);
      on_every_target([&] {
        Guarded<float> sum(std::span<const float>(start), agents % 3);
        divide(sum.span(), agents);
        EXPECT_TRUE(sum.guards_survive() && same_floats(sum.span(), expected)) << n << ", " << agents;
      });
    }
  }
}

/// Parts of awkward sizes whose scales are norms, the largest magnitude, zero or NaN.
std::vector<ScaledPart> parts_of(std::span<const float> x, std::uint32_t levels, std::uint64_t seed) {
  Sequence random({.seed = seed});
  std::vector<ScaledPart> parts;
  for (std::size_t at = 0; at < x.size();) {
    const std::size_t size = std::min<std::size_t>(random.below(4) == 0 ? random.below(70) : 128, x.size() - at);
    const auto part = x.subspan(at, size);
    const double largest = reference::largest_magnitude(part);
    parts.push_back({size, unit_of(random.below(2) == 0 ? largest : euclidean_norm(part), levels)});
    at += size;
  }
  return parts;
}

TEST(Quantize, IsThatOfAPlainLoop) {
  for (const std::uint32_t levels : {1u, 2u, 7u, 15u, 127u, 1000u, 32767u}) {
    for (const std::size_t n : {0u, 1u, 7u, 15u, 16u, 17u, 63u, 130u, 1000u, 1024u}) {
      for (const bool huge : {false, true}) {
        auto x = mixed_values(n, n + levels, 20);
        for (std::size_t j = 0; j < n; ++j) {  // a few parts with inf and NaN, the others without
          if (!std::isfinite(x[j]) && j % 400 > 60) x[j] = -0.0f;
          if (huge && j % 2 == 0) x[j] *= 3e38f;
        }
        const auto parts = parts_of(x, levels, n);
        const auto coins = coins_of(n, levels);
        std::vector<std::uint32_t> expected(n);
        reference::quantize(x, parts, levels, coins, expected);
        for (const auto symbol : expected) ASSERT_LE(symbol, 2 * levels);
        on_every_target([&] {
          for (const std::size_t offset : {0u, 1u}) {
            Guarded<float> in(std::span<const float>(x), offset);
            Guarded<std::uint32_t> symbols(n, offset);
            quantize(in.span(), parts, levels, coins, symbols.span());
            EXPECT_TRUE(symbols.guards_survive());
            EXPECT_TRUE(same_bytes<std::uint32_t>(symbols.span(), expected)) << levels << " levels, " << n;
          }
        });
      }
    }
  }
}

TEST(Quantize, FollowsTheDefinition) {
  Sequence random({.seed = 5});
  for (const std::uint32_t levels : {1u, 7u, 63u, 64u, 127u, 2047u, 32767u}) {
    const std::size_t n = 512;
    std::vector<float> x(n);
    for (std::size_t j = 0; j < n; ++j) {
      // Of all sizes up to the last level and a little beyond; some right on a level, or next to it.
      x[j] = static_cast<float>((2 * random.uniform() - 1) * levels * std::pow(2.0, -static_cast<double>(j % 20)));
      if (j % 5 == 0) x[j] = std::round(x[j]);
      if (j % 15 == 0) x[j] = std::nextafter(x[j], j % 2 == 0 ? INFINITY : -INFINITY);
      if (j % 50 == 0) x[j] = j % 100 == 0 ? 1.001f * static_cast<float>(levels) : -1.001f * static_cast<float>(levels);
    }
    const ScaledPart part{n, 1};
    const auto coins = coins_of(n, levels);
    std::vector<std::uint32_t> symbols(n);
    quantize(x, std::span(&part, 1), levels, coins, symbols);
    for (std::size_t j = 0; j < n; ++j) {
      const auto s = static_cast<long double>(levels);
      const long double t = std::clamp(static_cast<long double>(x[j]), -s, s);
      const auto coin = std::uint64_t{coins.leading()[j]} << 32 | coins.trailing(j);
      const long double sum = std::floor(t * 0x1p48L) + static_cast<long double>(coin);  // exact: 63 bits
      EXPECT_EQ(symbols[j], static_cast<std::uint32_t>(std::floor(sum * 0x1p-48L) + s)) << x[j] << ", " << levels;
    }
  }
}

TEST(Quantize, LooksAtTheCoinsLastBitsWhereTheFirstDoNotDecide) {
  // t = 1.5 + 2^-20: in fixed point 1.8000 and a 16th of the last digit behind it. A coin of .7fff leaves it open.
  const std::size_t n = 1024;
  const std::vector<float> x(n, 1.5f + 0x1p-20f);
  const ScaledPart part{n, 1};
  double up = 0, draws = 0;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    Coins coins({.seed = seed});
    coins.draw(0, n);
    for (auto& bits : coins.leading()) bits = 0x7fff;
    std::vector<std::uint32_t> symbols(n), plain(n);
    quantize(x, std::span(&part, 1), 7, coins, symbols);
    reference::quantize(x, std::span(&part, 1), 7, coins, plain);
    EXPECT_EQ(symbols, plain);
    for (const auto symbol : symbols) {
      ASSERT_TRUE(symbol == 8 || symbol == 9);
      up += symbol == 9;
      ++draws;
    }
    // One leading number to either side, and all is decided.
    for (auto& bits : coins.leading()) bits = 0x7ffe;
    quantize(x, std::span(&part, 1), 7, coins, symbols);
    EXPECT_EQ(symbols, std::vector<std::uint32_t>(n, 8));
    for (auto& bits : coins.leading()) bits = 0x8000;
    quantize(x, std::span(&part, 1), 7, coins, symbols);
    EXPECT_EQ(symbols, std::vector<std::uint32_t>(n, 9));
  }
  const double p = 1.0 / 16;
  EXPECT_NEAR(up / draws, p, 5 * std::sqrt(p * (1 - p) / draws));
}

TEST(Quantize, AddsUpAsAPlainLoopDoes) {
  for (const std::uint32_t levels : {1u, 2u, 7u, 127u, 1000u, 20011u, 32767u}) {
    for (const std::size_t n : {0u, 1u, 15u, 16u, 17u, 64u, 1000u}) {
      const auto units = mixed_values(n, n + 1, 5);
      std::vector<ScaledPart> parts;
      for (std::size_t at = 0; at < n;) {
        parts.push_back({std::min<std::size_t>(1 + at % 50, n - at), units[at]});
        at += parts.back().size;
      }
      Sequence random({.seed = levels});
      std::vector<std::uint32_t> symbols(n);
      for (auto& symbol : symbols) symbol = static_cast<std::uint32_t>(random.below(2 * levels + 1));
      expect_same_accumulation(
          n, levels, [&](const Accumulation& to) { add_quantized(symbols, parts, levels, to); },
          [&](const Accumulation& to) { reference::add_quantized(symbols, parts, levels, to); });
    }
  }
}

TEST(Powers, AreThoseOfAPlainLoop) {
  for (const std::size_t n : awkward_sizes()) {
    if (n > Coins::most) continue;
    for (const unsigned special : {3u, 200u, 0u}) {
      const auto x = mixed_values(n, n, special);
      const auto coins = coins_of(n, n);
      std::vector<std::byte> exponents(n), signs((n + 7) / 8);
      const std::int64_t nonfinite = reference::round_to_powers(x, coins, exponents, signs);
      on_every_target([&] {
        for (const std::size_t offset : {0u, 1u, 3u}) {
          Guarded<float> in(std::span<const float>(x), offset);
          Guarded<std::byte> to(n, offset), bits((n + 7) / 8, offset);
          EXPECT_EQ(round_to_powers(in.span(), coins, to.span(), bits.span()), nonfinite);
          EXPECT_TRUE(to.guards_survive() && bits.guards_survive());
          EXPECT_TRUE(same_bytes<std::byte>(to.span(), exponents)) << n;
          EXPECT_TRUE(same_bytes<std::byte>(bits.span(), signs)) << n;
        }
      });
      expect_same_accumulation(
          n, n, [&](const Accumulation& to) { add_powers(exponents, signs, to); },
          [&](const Accumulation& to) { reference::add_powers(exponents, signs, to); });
    }
  }
}

TEST(Descent, OfSeveralAgentsIsThatOfAPlainLoop) {
  for (const std::size_t n : {0u, 1u, 15u, 16u, 63u, 64u, 65u, 130u, 1000u}) {
    for (const std::size_t agents : {1u, 2u, 3u, 4u, 15u}) {
      const auto start = mixed_values(n, n + agents, 30);
      std::vector<std::vector<std::byte>> exponents(agents), signs(agents);
      std::vector<std::vector<std::uint32_t>> symbols(agents);
      std::vector<std::vector<ScaledPart>> parts(agents);
      std::vector<Powers> powers;
      std::vector<QuantizedRun> runs;
      for (std::size_t a = 0; a < agents; ++a) {
        Sequence random({.seed = 100 * n + a});
        const auto units = mixed_values(n, n + a, 20);
        for (std::size_t j = 0; j < n; ++j) {
          const auto exponent = random.below(40) == 0 ? random.below(2) * 255 : 100 + random.below(60);
          exponents[a].push_back(static_cast<std::byte>(exponent));
          symbols[a].push_back(static_cast<std::uint32_t>(random.below(15)));
        }
        for (std::size_t b = 0; b < (n + 7) / 8; ++b) signs[a].push_back(static_cast<std::byte>(random()));
        for (std::size_t j = 0; j < n; ++j) {  // NaN's code in a few places only
          if (exponents[a][j] == std::byte{0} && j % 3 != 0) signs[a][j / 8] &= ~static_cast<std::byte>(1u << j % 8);
        }
        for (std::size_t at = 0; at < n;) {
          parts[a].push_back({std::min<std::size_t>(at % 3 == 0 ? 128 : 1 + at % 50, n - at), units[at]});
          at += parts[a].back().size;
        }
        powers.push_back({exponents[a].data(), signs[a].data()});
        runs.push_back({symbols[a].data(), parts[a]});
      }
      auto by_powers = start, by_levels = start;
      std::vector<float> of_powers(n), of_levels(n);
      for (std::size_t a = 0; a < agents; ++a) {
        reference::add_powers(exponents[a], signs[a], {of_powers.data(), a == 0});
        reference::add_quantized(symbols[a], parts[a], 7, {of_levels.data(), a == 0});
      }
      for (std::size_t j = 0; j < n; ++j) {
        by_powers[j] = start[j] - 0.3f * (of_powers[j] / static_cast<float>(agents));
        by_levels[j] = start[j] - 0.3f * (of_levels[j] / static_cast<float>(agents));
      }
      auto plain = start;
      reference::decode_axpy_powers(powers, 0.3f, plain);
      EXPECT_TRUE(same_floats(plain, by_powers)) << n << ", " << agents;
      plain = start;
      if (n > 0) {
        reference::decode_axpy_quantized(runs, 7, 0.3f, plain);
        EXPECT_TRUE(same_floats(plain, by_levels)) << n << ", " << agents;
      }
      on_every_target([&] {
        Guarded<float> x(std::span<const float>(start), n % 5);
        decode_axpy_powers(powers, 0.3f, x.span());
        EXPECT_TRUE(x.guards_survive() && same_floats(x.span(), by_powers)) << n << ", " << agents;
        Guarded<float> y(std::span<const float>(start), n % 3);
        decode_axpy_quantized(runs, 7, 0.3f, y.span());
        EXPECT_TRUE(y.guards_survive() && same_floats(y.span(), by_levels)) << n << ", " << agents;
      });
    }
  }
}

TEST(Powers, LookAtTheCoinsLastBitsWhereTheFirstDoNotDecide) {
  // The mantissa's upper 16 bits and the leading bits make 0xffff: its last 7 bits, 32 of 128, decide with the coin's.
  const std::size_t n = 1024;
  const std::vector<float> x(n, from_bits(127u << 23 | 0x1234u << 7 | 32));
  double up = 0, draws = 0;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    Coins coins({.seed = seed});
    coins.draw(0, n);
    for (auto& bits : coins.leading()) bits = 0xffff - 0x1234;
    std::vector<std::byte> exponents(n), signs(n / 8);
    EXPECT_EQ(round_to_powers(x, coins, exponents, signs), 0);
    for (const auto exponent : exponents) {
      ASSERT_TRUE(exponent == std::byte{127} || exponent == std::byte{128});
      up += exponent == std::byte{128};
      ++draws;
    }
  }
  EXPECT_NEAR(up / draws, 0.25, 5 * std::sqrt(0.25 * 0.75 / draws));
}

}  // namespace
}  // namespace tersegrad::kernels
