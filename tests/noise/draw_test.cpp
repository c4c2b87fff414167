// The kernels: words, accuracy against double precision, the same bits on all SIMD targets.
#include "tersegrad/noise/draw.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "hwy/highway.h"
#include "tersegrad/core/error.hpp"
#include "tersegrad/noise/bailey-inl.hpp"  // for this file's own target: the targets' bits are equal

namespace tersegrad {
namespace {

namespace kernel = HWY_NAMESPACE;
namespace hn = hwy::HWY_NAMESPACE;
using Lane = hn::CappedTag<float, 1>;
using WordLane = hn::RebindToUnsigned<Lane>;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Undoes a choice of target at the end of a test.
struct TargetGuard {
  ~TargetGuard() { use_simd_target(""); }
};

/// Words at and around every boundary that the formulas branch on, and many others.
std::vector<std::uint32_t> interesting_words() {
  std::vector<std::uint32_t> words;
  const std::vector<std::uint64_t> centres = {0, 1ull << 23, 1ull << 24, 1ull << 29, 1ull << 30, 1ull << 31, 3ull << 29,
                                              3ull << 30, 5ull << 29, 7ull << 29, (1ull << 32) / 3, (1ull << 33) / 3,
                                              (1ull << 32) - (1ull << 24), (1ull << 32) - (1ull << 8)};
  for (const std::uint64_t centre : centres) {
    for (std::int64_t shift = -300; shift <= 300; ++shift) {
      words.push_back(static_cast<std::uint32_t>(centre + static_cast<std::uint64_t>(shift)));
    }
  }
  for (int bit = 0; bit < 32; ++bit) words.push_back(1u << bit), words.push_back(~(1u << bit));
  Sequence random({.seed = 1});
  for (int i = 0; i < 200000; ++i) words.push_back(random() >> (i % 3 == 0 ? random() % 32 : 0));
  return words;
}

double uniform_of(std::uint32_t word) { return (word + 0.5) * 0x1p-32; }
/// ln U without the loss near U = 1 that std::log(U) does not have in double, but for clarity.
double ln_uniform(std::uint32_t word) {
  return word < 0x80000000u ? std::log(uniform_of(word)) : std::log1p(-(static_cast<double>(~word) + 0.5) * 0x1p-32);
}
double relative_error(double value, double truth) { return std::abs(value - truth) / std::abs(truth); }

TEST(Bailey, LogarithmIsAccurateAtBothEnds) {
  double worst = 0;
  for (const std::uint32_t word : interesting_words()) {
    const double drawn = hn::GetLane(kernel::log2_uniform(Lane(), hn::Set(WordLane(), word)));
    worst = std::max(worst, relative_error(drawn, ln_uniform(word) / std::numbers::ln2));
    ASSERT_LT(drawn, 0) << word;
  }
  EXPECT_LT(worst, 4e-7);
  EXPECT_EQ(hn::GetLane(kernel::log2_uniform(Lane(), hn::Set(WordLane(), 0u))), -33.0f);
}

TEST(Bailey, CosineAndSineAreAccurateAndNeverZero) {
  double worst = 0;
  for (const std::uint32_t word : interesting_words()) {
    auto cosine = hn::Zero(Lane()), sine = cosine;
    kernel::cos_sin_turn(Lane(), hn::Set(WordLane(), word), cosine, sine);
    const double alone = hn::GetLane(kernel::cos_turn(Lane(), hn::Set(WordLane(), word)));
    // From the nearest quarter turn, so that the truth is exact near its zeros.
    const auto quarter = static_cast<int>(std::lround(uniform_of(word) * 4));
    const double angle = (uniform_of(word) - quarter / 4.0) * 2 * std::numbers::pi;
    const double c = std::cos(angle), s = std::sin(angle);
    const double cosines[4] = {c, -s, -c, s};
    const double sines[4] = {s, c, -s, -c};
    const double true_cosine = cosines[quarter % 4], true_sine = sines[quarter % 4];
    worst = std::max({worst, relative_error(hn::GetLane(cosine), true_cosine),
                      relative_error(hn::GetLane(sine), true_sine), relative_error(alone, true_cosine)});
    ASSERT_NE(hn::GetLane(cosine) * hn::GetLane(sine) * alone, 0) << word;
  }
  EXPECT_LT(worst, 3e-7);
}

TEST(Bailey, StudentRootIsAccurateAndOverflowsOnlyWithItsResult) {
  const auto words = interesting_words();
  for (const double nu : {0.1, 0.26, 0.5, 1.0, 2.0, 2.5, 3.0, 8.0, 64.0, 1e6, 0x1p40}) {
    double worst = 0;
    for (const std::uint32_t word : words) {
      const auto y = hn::Mul(hn::Set(Lane(), static_cast<float>(-2 / nu)),
                             kernel::log2_uniform(Lane(), hn::Set(WordLane(), word)));
      const auto factor = hn::Set(Lane(), static_cast<float>(std::sqrt(nu)));
      const double drawn = hn::GetLane(kernel::scaled_student(Lane(), y, factor, hn::Set(Lane(), 1.0f)));
      const double truth = std::sqrt(nu * std::expm1(-2 / nu * ln_uniform(word)));
      if (truth > std::numeric_limits<float>::max()) {
        ASSERT_GT(drawn, 0.99 * std::numeric_limits<float>::max()) << nu << " " << word;
      } else {
        worst = std::max(worst, relative_error(drawn, truth));
      }
    }
    EXPECT_LT(worst, 6e-7 + 4.2e-6 / nu) << nu;
  }
}

TEST(Draw, TailsEndWhereTheInterfaceSays) {
  const auto shortest = hn::Set(WordLane(), 0u);
  const double y = hn::GetLane(kernel::log2_uniform(Lane(), shortest));
  EXPECT_NEAR(std::sqrt(-2 * std::numbers::ln2 * y), 6.76, 0.005);
  const auto one = hn::Set(Lane(), 1.0f);
  const auto largest = kernel::scaled_student(Lane(), hn::Set(Lane(), static_cast<float>(-2 * y)), one, one);  // ν = 1
  EXPECT_FLOAT_EQ(hn::GetLane(largest), 0x1p33f);
}

/// What the interface promises of coordinate j, in double precision from the stream's words.
double reference(const Stream& stream, std::int64_t j, double nu) {
  const auto pair = [&](std::uint64_t block, std::size_t at) {
    const auto words = stream.block(block);
    return std::pair(ln_uniform(words[at]), 2 * std::numbers::pi * uniform_of(words[at + 1]));
  };
  const auto b = static_cast<std::uint64_t>(j);
  if (std::isinf(nu)) {
    const auto [ln_u, angle] = pair(b / 4, b % 2 * 2);
    return std::sqrt(-2 * ln_u) * (b % 4 < 2 ? std::cos(angle) : std::sin(angle));
  }
  const auto [ln_u, angle] = pair(b / 2, b % 2 * 2);
  return std::sqrt(nu * std::expm1(-2 / nu * ln_u)) * std::cos(angle);
}

TEST(Draw, IsTheFormulaOfItsInterfaceOnEveryTarget) {
  const TargetGuard guard;
  const std::int64_t first = 4 * 17;
  for (const std::string& target : simd_targets()) {
    use_simd_target(target);
    for (const double nu : {0.5, 1.0, 2.5, 3.0, 64.0, infinity}) {
      const Stream stream({.seed = 3, .purpose = Purpose::noise, .agent = 2, .step = 7});
      std::vector<float> values(5003, 1.0f);
      std::vector<float> profile(values.size());
      for (std::size_t i = 0; i < profile.size(); ++i) profile[i] = static_cast<float>(i % 5) * 0.5f;
      std::vector<float> zeros(values.size(), 0.0f);
      if (std::isinf(nu)) {
        add_gaussian(stream, first, values, 0.25f, profile);
        add_gaussian(stream, first, zeros, 1.0f);
      } else {
        add_student(stream, first, values, 0.25f, nu, profile);
        add_student(stream, first, zeros, 1.0f, nu);
      }
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double truth = reference(stream, first + static_cast<std::int64_t>(i), nu);
        // Double precision's own cosine loses digits near its zeros: hence the absolute part.
        ASSERT_NEAR(zeros[i], truth, (6e-7 + 4.2e-6 / nu) * std::abs(truth) + 1e-13) << target << " " << nu << " " << i;
        const double noise = 0.25 * profile[i] * truth;
        const double rounding = 0x1p-23 * std::abs(1 + noise);
        ASSERT_NEAR(values[i], 1 + noise, (8e-7 + 4.2e-6 / nu) * std::abs(noise) + rounding + 1e-12)
            << target << " " << nu << " " << i;
      }
    }
  }
}

TEST(Draw, GivesTheSameBitsOnEveryTarget) {
  const TargetGuard guard;
  const auto targets = simd_targets();
  ASSERT_GE(targets.size(), 1u);
  for (const double nu : {0.1, 1.0, 2.5, 3.0, 64.0, infinity}) {
    for (const std::size_t size : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 15u, 16u, 17u, 31u, 33u, 63u, 64u, 65u, 127u, 40001u}) {
      const Stream stream({.seed = size, .purpose = Purpose::noise});
      std::vector<float> profile(size, 0.5f);
      std::vector<std::uint32_t> expected;
      for (const std::string& target : targets) {
        use_simd_target(target);
        for (const bool with_profile : {false, true}) {
          std::vector<float> values(size, -0.125f);
          const std::span<const float> used = with_profile ? std::span<const float>(profile) : std::span<const float>();
          const float factor = with_profile ? 2.0f : 1.0f;  // times ½: exact
          if (std::isinf(nu)) {
            add_gaussian(stream, 8, values, factor, used);
          } else {
            add_student(stream, 8, values, factor, nu, used);
          }
          std::vector<std::uint32_t> bits;
          for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
          if (expected.empty()) expected = bits;
          ASSERT_EQ(bits, expected) << target << " nu " << nu << " size " << size << " profile " << with_profile;
        }
      }
    }
  }
}

TEST(SimdTargets, ListOnlyWhatCanBeChosen) {
  const TargetGuard guard;
  for (const std::string& target : simd_targets()) EXPECT_NO_THROW(use_simd_target(target)) << target;
  EXPECT_THROW(use_simd_target("avx9"), Error);
}

}  // namespace
}  // namespace tersegrad
