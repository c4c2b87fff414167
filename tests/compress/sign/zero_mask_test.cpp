#include "tersegrad/compress/sign/zero_mask.hpp"

#include <gtest/gtest.h>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

std::vector<std::byte> random_plane(std::int64_t n, Sequence& random) {
  // Runs of random length of zeros, ones and noise: the three kinds of words.
  std::vector<std::byte> plane(static_cast<std::size_t>((n + 7) / 8));
  for (std::int64_t j = 0; j < n;) {
    const auto run = static_cast<std::int64_t>(1 + random.below(300));
    const auto kind = random.below(3);
    for (std::int64_t end = std::min(n, j + run); j < end; ++j) {
      const bool one = kind == 1 || (kind == 2 && random.below(2) == 1);
      if (one) plane[static_cast<std::size_t>(j / 8)] |= static_cast<std::byte>(1 << (j % 8));
    }
  }
  return plane;
}

TEST(ZeroMask, UnpackInvertsPack) {
  Sequence random({.seed = 1});
  std::vector<std::byte> packed;
  for (std::int64_t n : {1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 1000, 4096, 10007}) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      const auto plane = random_plane(n, random);
      pack_mask(plane, n, packed);
      std::vector<std::byte> back(plane.size(), std::byte{0xaa});
      ASSERT_TRUE(unpack_mask(packed, n, back));
      ASSERT_EQ(back, plane) << n;
    }
  }
}

TEST(ZeroMask, RunsCostLittle) {
  const std::int64_t n = 1 << 20;
  std::vector<std::byte> plane(n / 8), packed;
  std::fill(plane.begin() + 5000, plane.begin() + 50000, std::byte{0xff});
  pack_mask(plane, n, packed);
  EXPECT_LT(packed.size(), plane.size() / 25);
}

TEST(ZeroMask, RefusesEveryOtherLengthAndStrayBits) {
  Sequence random({.seed = 2});
  std::vector<std::byte> packed;
  for (const std::int64_t n : {9, 100, 1000}) {
    const auto plane = random_plane(n, random);
    pack_mask(plane, n, packed);
    std::vector<std::byte> back(plane.size());
    for (std::size_t size = 0; size < packed.size() + 20; ++size) {
      auto other = packed;
      other.resize(size);
      EXPECT_EQ(unpack_mask(other, n, back), size == packed.size()) << n << " " << size;
    }
  }
  // A word that claims coordinates behind the last.
  std::vector<std::byte> stray(1 + 1 + 8, std::byte{0});
  stray[0] = std::byte{1};
  stray[2] = std::byte{0xff};
  stray[3] = std::byte{0x7f};
  std::vector<std::byte> back(2);
  EXPECT_FALSE(unpack_mask(stray, 9, back));
}

TEST(ZeroMask, GarbageNeverWritesOutside) {
  Sequence random({.seed = 3});
  for (int repeat = 0; repeat < 20000; ++repeat) {
    const auto n = static_cast<std::int64_t>(1 + random.below(300));
    std::vector<std::byte> garbage(random.below(60));
    for (auto& b : garbage) b = static_cast<std::byte>(random.below(256));
    std::vector<std::byte> plane(static_cast<std::size_t>((n + 7) / 8));  // exact: a sanitizer sees any step outside
    unpack_mask(garbage, n, plane);
  }
}

}  // namespace
}  // namespace tersegrad
