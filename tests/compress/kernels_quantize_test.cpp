// Norms, stochastic rounding to levels and to powers of two, symbols as bits: every instruction set against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "compress/kernels.hpp"
#include "tersegrad/compress/kernels/natural.hpp"
#include "tersegrad/compress/kernels/norms.hpp"
#include "tersegrad/compress/kernels/quantize.hpp"
#include "tersegrad/compress/kernels/symbol_packing.hpp"
#include "tersegrad/compress/kernels/uniform_words.hpp"

namespace tersegrad::kernels {
namespace {

using testing::awkward_sizes;
using testing::Guarded;
using testing::mixed_values;
using testing::on_every_target;
using testing::same_bytes;
using testing::same_floats;

std::vector<std::uint32_t> words_of(std::size_t n, std::uint64_t seed) {
  std::vector<std::uint32_t> words(n);
  Stream({.seed = seed}).fill(0, words);
  // Coins at both ends, where a comparison may be off by one.
  for (std::size_t j = 0; j < n; j += 7) words[j] = j % 2 == 0 ? 0xffffffffu : j % 3 == 0 ? 0u : 1u;
  return words;
}

bool same(double a, double b) { return (std::isnan(a) && std::isnan(b)) || a == b; }

TEST(Norms, AreThoseOfAPlainLoop) {
  for (const std::size_t n : awkward_sizes()) {
    for (const unsigned special : {0u, 3u, 50u}) {
      auto x = mixed_values(n, n + special, special);
      if (special == 50) {  // finite, of all magnitudes
        for (float& v : x) v = std::isfinite(v) ? v : 1e-42f;
      }
      const double magnitudes = reference::sum_of_magnitudes(x), squares = reference::sum_of_squares(x);
      const auto y = mixed_values(n, n + 7, special);
      const double of_sum = reference::sum_of_magnitudes(x, y);
      const float largest = reference::largest_magnitude(x);
      on_every_target([&] {
        for (const std::size_t offset : {0u, 1u, 3u}) {
          Guarded<float> in(std::span<const float>(x), offset);
          EXPECT_TRUE(same(sum_of_magnitudes(in.span()), magnitudes)) << n;
          EXPECT_TRUE(same(sum_of_squares(in.span()), squares)) << n;
          EXPECT_TRUE(same(sum_of_magnitudes(in.span(), y), of_sum)) << n;
          EXPECT_TRUE(same(largest_magnitude(in.span()), largest)) << n;
        }
        for (const std::size_t block : {1u, 8u, 13u, 128u}) {
          std::vector<float> maxima((n + block - 1) / block);
          std::vector<double> sums(maxima.size());
          largest_magnitudes(x, block, maxima);
          sums_of_squares(x, block, sums);
          for (std::size_t b = 0; b < sums.size(); ++b) {
            const auto part = std::span<const float>(x).subspan(b * block, std::min(block, n - b * block));
            EXPECT_TRUE(same(maxima[b], reference::largest_magnitude(part)));
            EXPECT_TRUE(same(sums[b], reference::sum_of_squares(part)));
          }
        }
      });
    }
  }
}

/// Parts of awkward sizes whose scales are norms, the largest magnitude, zero or NaN.
std::vector<ScaledPart> parts_of(std::span<const float> x, std::uint64_t seed) {
  Sequence random({.seed = seed});
  std::vector<ScaledPart> parts;
  for (std::size_t at = 0; at < x.size();) {
    const std::size_t size = std::min<std::size_t>(random.below(4) == 0 ? random.below(70) : 128, x.size() - at);
    const auto part = x.subspan(at, size);
    const auto norm = static_cast<float>(std::min(std::sqrt(reference::sum_of_squares(part)), 3.4028234663852886e38));
    const float largest = reference::largest_magnitude(part);
    parts.push_back({size, std::isnan(largest) ? largest : random.below(2) == 0 ? largest : norm});
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
        const auto parts = parts_of(x, n);
        const auto words = words_of(n, levels);
        std::vector<std::uint16_t> expected(n);
        reference::quantize(x, parts, levels, words, expected);
        for (const auto symbol : expected) ASSERT_LE(symbol, 2 * levels);
        on_every_target([&] {
          for (const std::size_t offset : {0u, 1u}) {
            Guarded<float> in(std::span<const float>(x), offset);
            Guarded<std::uint16_t> symbols(n, offset);
            quantize(in.span(), parts, levels, words, symbols.span());
            EXPECT_TRUE(symbols.guards_survive());
            EXPECT_TRUE(same_bytes<std::uint16_t>(symbols.span(), expected)) << levels << " levels, " << n;
          }
        });
      }
    }
  }
}

TEST(Symbols, ArePackedAndUnpackedAsBits) {
  for (int bits = 1; bits <= 16; ++bits) {
    for (const std::size_t n : awkward_sizes()) {
      Sequence random({.seed = n});
      std::vector<std::uint16_t> symbols(n);
      for (auto& symbol : symbols) symbol = static_cast<std::uint16_t>(random.below(std::uint64_t{1} << bits));
      const std::size_t bytes = (n * static_cast<std::size_t>(bits) + 7) / 8;
      std::vector<std::byte> expected(bytes);
      reference::pack_symbols(symbols, bits, expected);
      const std::uint32_t largest = n == 0 ? 0u : *std::max_element(symbols.begin(), symbols.end());
      on_every_target([&] {
        Guarded<std::uint16_t> in(std::span<const std::uint16_t>(symbols), n % 2);
        Guarded<std::byte> packed(bytes, n % 5);
        pack_symbols(in.span(), bits, packed.span());
        EXPECT_TRUE(packed.guards_survive());
        EXPECT_TRUE(same_bytes<std::byte>(packed.span(), expected)) << bits << " bits, " << n;
        Guarded<std::uint16_t> back(n, n % 3);
        EXPECT_EQ(unpack_symbols(packed.span(), bits, back.span()), largest);
        EXPECT_TRUE(back.guards_survive());
        EXPECT_TRUE(same_bytes<std::uint16_t>(back.span(), symbols)) << bits << " bits, " << n;
      });
      std::vector<std::uint16_t> plain(n);
      EXPECT_EQ(reference::unpack_symbols(expected, bits, plain), largest);
      EXPECT_EQ(plain, symbols);
    }
  }
}

TEST(LevelFractions, AreTheQuotients) {
  for (std::uint32_t levels = 1; levels <= 32767; levels += levels < 2100 ? 1 : 997) {
    const LevelFractions fractions(levels);
    if (levels <= 127) {
      EXPECT_FALSE(fractions.divides()) << levels;
    }
    if (fractions.divides()) continue;
    for (std::uint32_t l = 0; l <= levels; ++l) {
      const auto level = static_cast<float>(l);
      ASSERT_EQ(level * fractions.high() + level * fractions.low(), level / static_cast<float>(levels));
      ASSERT_EQ(-level * fractions.high() + -level * fractions.low(), -level / static_cast<float>(levels));
    }
  }
}

TEST(AddQuantized, IsThatOfAPlainLoop) {
  for (const std::uint32_t levels : {1u, 2u, 7u, 127u, 1000u, 20011u, 32767u}) {
    const LevelFractions fractions(levels);
    for (const std::size_t n : {0u, 1u, 15u, 16u, 17u, 64u, 1000u}) {
      const auto start = mixed_values(n, n, 30), scales = mixed_values(n, n + 1, 5);
      std::vector<ScaledPart> parts;
      for (std::size_t at = 0; at < n;) {
        parts.push_back({std::min<std::size_t>(1 + at % 50, n - at), scales[at]});
        at += parts.back().size;
      }
      Sequence random({.seed = levels});
      std::vector<std::uint16_t> symbols(n);
      for (auto& symbol : symbols) symbol = static_cast<std::uint16_t>(random.below(2 * levels + 1));
      auto expected = start;
      reference::add_quantized(symbols, parts, fractions, expected);
      on_every_target([&] {
        for (const std::size_t offset : {0u, 1u}) {
          Guarded<float> sum(std::span<const float>(start), offset);
          add_quantized(symbols, parts, fractions, sum.span());
          EXPECT_TRUE(sum.guards_survive());
          EXPECT_TRUE(same_floats(sum.span(), expected)) << levels << " levels, " << n;
        }
      });
    }
  }
}

TEST(Powers, AreThoseOfAPlainLoop) {
  for (const std::size_t n : awkward_sizes()) {
    const auto x = mixed_values(n, n, 3), start = mixed_values(n, n + 1, 9);
    const auto words = words_of(n, n);
    std::vector<std::byte> exponents(n), signs((n + 7) / 8);
    const std::int64_t nonfinite = reference::round_to_powers(x, words, exponents, signs);
    auto expected = start;
    reference::add_powers(exponents, signs, expected);
    on_every_target([&] {
      for (const std::size_t offset : {0u, 1u, 3u}) {
        Guarded<float> in(std::span<const float>(x), offset);
        Guarded<std::byte> to(n, offset), bits((n + 7) / 8, offset);
        EXPECT_EQ(round_to_powers(in.span(), words, to.span(), bits.span()), nonfinite);
        EXPECT_TRUE(to.guards_survive() && bits.guards_survive());
        EXPECT_TRUE(same_bytes<std::byte>(to.span(), exponents)) << n;
        EXPECT_TRUE(same_bytes<std::byte>(bits.span(), signs)) << n;
        Guarded<float> sum(std::span<const float>(start), offset);
        add_powers(to.span(), bits.span(), sum.span());
        EXPECT_TRUE(sum.guards_survive());
        EXPECT_TRUE(same_floats(sum.span(), expected)) << n;
      }
    });
  }
}

}  // namespace
}  // namespace tersegrad::kernels
