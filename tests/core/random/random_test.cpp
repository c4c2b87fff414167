#include "tersegrad/core/random/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

TEST(Stream, IsPhilox4x32With10Rounds) {
  // Random123's known-answer vectors for philox4x32-10: counter 0 and key 0, through an address that yields them.
  // Address (purpose 255) keeps counter word 2 non-zero, so compare with the vector after removing that word.
  const Stream stream({.seed = 0, .purpose = static_cast<Purpose>(0), .agent = 0, .step = 0});
  const auto words = stream.block(0);
  EXPECT_EQ(words[0], 0x6627e8d5u);
  EXPECT_EQ(words[1], 0xe169c58du);
  EXPECT_EQ(words[2], 0xbc57ac4cu);
  EXPECT_EQ(words[3], 0x9b00dbd8u);
}

TEST(Stream, EveryFieldOfTheAddressMatters) {
  std::set<std::array<std::uint32_t, 4>> seen;
  int count = 0;
  for (const std::uint64_t seed : {0ull, 1ull, 1ull << 32, 1ull << 63}) {
    for (const auto purpose : {Purpose::noise, Purpose::sparsify}) {
      for (const std::uint32_t agent : {0u, 1u, (1u << 24) - 1}) {
        for (const std::uint64_t step : {0ull, 1ull, 1ull << 32, (1ull << 48) - 1}) {
          for (const std::uint64_t block : {0ull, 1ull, 1ull << 32, (1ull << 48) - 1}) {
            seen.insert(Stream({seed, purpose, agent, step}).block(block));
            ++count;
          }
        }
      }
    }
  }
  EXPECT_EQ(static_cast<int>(seen.size()), count);
}

TEST(Stream, RefusesAddressesOutOfRange) {
  EXPECT_THROW(Stream({.agent = 1u << 24}), Error);
  EXPECT_THROW(Stream({.step = 1ull << 48}), Error);
}

TEST(Stream, FillEqualsBlocks) {
  const Stream stream({.seed = 7, .purpose = Purpose::test, .agent = 3, .step = 5});
  for (const std::size_t size : {0u, 1u, 3u, 4u, 5u, 31u}) {
    std::vector<std::uint32_t> words(size);
    stream.fill(10, words);
    for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(words[i], stream.block(10 + i / 4)[i % 4]);
  }
}

TEST(Sequence, BelowIsUniform) {
  // χ² with 6 degrees of freedom; 48.2 has probability 1e-8.
  Sequence random({.seed = 1});
  std::array<double, 7> counts{};
  const int n = 70000;
  for (int i = 0; i < n; ++i) counts[random.below(7)] += 1;
  double chi2 = 0;
  for (const double c : counts) chi2 += (c - n / 7.0) * (c - n / 7.0) / (n / 7.0);
  EXPECT_LT(chi2, 48.2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
}

TEST(Sequence, UniformHasMeanHalfAndStaysInside) {
  Sequence random({.seed = 2});
  const int n = 100000;
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform();
    ASSERT_GT(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / n, 0.5, 4.9 * std::sqrt(1.0 / 12 / n));  // z = 4.9: false alarm 1e-6
}

TEST(Shuffle, IsAPermutationThatDependsOnTheSeed) {
  std::vector<int> first(1000), second(1000);
  std::iota(first.begin(), first.end(), 0);
  second = first;
  Sequence a({.seed = 1}), b({.seed = 2});
  shuffle(std::span<int>(first), a);
  shuffle(std::span<int>(second), b);
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(first[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace tersegrad
