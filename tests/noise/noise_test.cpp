// The members as users meet them: spelling, refusals, runs, scales, replicas, extreme values.
#include "tersegrad/noise/noise.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

constexpr float float_infinity = std::numeric_limits<float>::infinity();

std::unique_ptr<Noise> make(const std::string& spec) { return NoiseRegistry::instance().make(spec); }

std::vector<std::uint32_t> bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> all;
  for (const float value : values) all.push_back(std::bit_cast<std::uint32_t>(value));
  return all;
}

const StreamId stream_id{.seed = 8, .purpose = Purpose::noise, .agent = 1, .step = 2};

std::vector<float> draw(const Noise& noise, std::size_t count, float scale = 1, float start = 0,
                        std::int64_t first = 0) {
  std::vector<float> values(count, start);
  noise.add(Stream(stream_id), first, values, scale);
  return values;
}

/// A file of scales that is removed at the end of the test.
class ScalesFile {
 public:
  explicit ScalesFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              (std::string("tersegrad_scales_") + ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::ofstream(path_) << text;
  }
  ~ScalesFile() { std::filesystem::remove(path_); }
  std::string spec(const std::string& noise) const { return noise + ":scales=" + path_.string(); }

 private:
  std::filesystem::path path_;
};

const std::vector<std::string> members = {"none", "gaussian:0.5", "student:3:0.5", "student:inf:0.5", "student:0.2:1",
                                          "joint-student:3:0.5", "joint-student:inf:0.5", "gaussian:0.01:growth=1",
                                          "student:2.5:0.5:growth=0.25", "joint-student:1:0.5:growth=0.25"};

TEST(Noise, SpellsItself) {
  for (const std::string& spec : members) EXPECT_EQ(make(spec)->name(), spec);
  EXPECT_EQ(make("student:nu=3:sigma=1e-4")->name(), "student:3:0.0001");
  EXPECT_EQ(make("gaussian:-0")->name(), "gaussian:0");
  EXPECT_EQ(make("gaussian:0.5")->replicated(2)->name(), "gaussian:0.5");
}

TEST(Noise, TellsItsParameters) {
  const auto noise = make("student:2.5:0.5:growth=1");
  EXPECT_EQ(noise->nu(), 2.5);
  EXPECT_EQ(noise->sigma(), 0.5);
  EXPECT_EQ(noise->sigma_at(3), 2.0);
  EXPECT_EQ(noise->replicated(2)->sigma_at(3), 1.0);
  EXPECT_TRUE(noise->has_independent_coordinates());
  EXPECT_FALSE(make("joint-student:3:1")->has_independent_coordinates());
  EXPECT_TRUE(std::isinf(make("gaussian:1")->nu()));
  EXPECT_TRUE(make("none")->is_none());
  EXPECT_FALSE(make("gaussian:0")->is_none());
}

TEST(Noise, RefusesBadArgumentsInOneLine) {
  for (const std::string spec :
       {"gaussian", "gaussian:-1", "gaussian:nan", "gaussian:inf", "gaussian:1e39", "gaussian:x", "gaussian:1:2:3:4",
        "gaussian:1:growth=-1", "gaussian:1:growth=nan", "gaussian:1:nu=3", "gaussian:1:scales=/nonexistent/file",
        "student", "student:3", "student:0:1", "student:-2:1", "student:nan:1", "student:-inf:1", "student:3:-1",
        "student:3:nan", "student:3:inf", "joint-student:0:1", "joint-student:3:-1", "none:1", "cauchy:1"}) {
    try {
      make(spec);
      ADD_FAILURE() << "accepted " << spec;
    } catch (const Error& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      EXPECT_GT(text.size(), 20u) << text;
    }
  }
}

TEST(Noise, RefusesRunsThatWouldChangeItsBits) {
  for (const std::string& spec : members) {
    const auto noise = make(spec);
    for (const std::int64_t first : {1, 2, 3, 5, -4}) EXPECT_THROW(draw(*noise, 8, 1, 0, first), Error) << spec;
    for (const float scale : {-1.0f, float_infinity, std::nanf("")}) {
      EXPECT_THROW(draw(*noise, 8, scale), Error) << spec;
    }
    EXPECT_NO_THROW(draw(*noise, 0));
    EXPECT_NO_THROW(draw(*noise, 5, 1, 0, std::int64_t{1} << 48));
    EXPECT_THROW(noise->replicated(0), Error) << spec;
  }
}

TEST(Noise, CuttingTheVectorKeepsItsBits) {
  const std::size_t size = 5003;  // odd, and longer than the members' inner runs
  for (const std::string& spec : members) {
    for (const std::int64_t dim : {0, 1, 2, 3, 10}) {
      const auto noise = dim == 0 ? make(spec) : make(spec)->replicated(dim);
      const auto whole = draw(*noise, size, 0.7f);
      Sequence random({.seed = static_cast<std::uint64_t>(dim)});
      for (int trial = 0; trial < 4; ++trial) {
        std::vector<float> pieces(size, 0.0f);
        for (std::size_t at = 0; at < size;) {
          // Short runs (a vector's tail) and long ones; the last is odd.
          const std::size_t want = 4 * (1 + random.below(trial < 2 ? 6 : 400));
          const std::size_t length = std::min(want, size - at);
          noise->add(Stream(stream_id), static_cast<std::int64_t>(at), std::span(pieces).subspan(at, length), 0.7f);
          at += length;
        }
        ASSERT_EQ(bits(pieces), bits(whole)) << spec << " replicas of " << dim;
      }
      for (const std::size_t odd : {1u, 2u, 3u, 5u, 6u, 7u, 9u, 13u, 31u, 33u, 65u, 1023u, 1025u}) {
        auto prefix = whole;
        prefix.resize(odd);
        ASSERT_EQ(bits(draw(*noise, odd, 0.7f)), bits(prefix)) << spec << " " << odd;
        const auto middle = whole.begin() + 1028;
        const auto later = draw(*noise, odd, 0.7f, 0, 1028);
        ASSERT_EQ(bits(later), bits({middle, middle + static_cast<std::ptrdiff_t>(odd)})) << spec;
      }
    }
  }
}

TEST(Noise, WritesNothingOutsideItsRun) {
  for (const std::string& spec : members) {
    for (std::size_t size = 0; size < 70; ++size) {
      std::vector<float> values(size + 8, 3.0f);
      make(spec)->add(Stream({.seed = 1}), 4, std::span(values).subspan(4, size), 1.0f);
      for (std::size_t i = 0; i < 4; ++i) {
        ASSERT_EQ(values[i], 3.0f) << spec << " " << size;
        ASSERT_EQ(values[size + 4 + i], 3.0f) << spec << " " << size;
      }
    }
  }
}

TEST(Noise, ScalesWithSigmaAndTheBatch) {
  for (const std::string law : {"gaussian:", "student:3:", "joint-student:3:"}) {
    const auto base = draw(*make(law + "1"), 1001);
    const auto quarter = draw(*make(law + "1"), 1001, 0.25f);
    const auto sigma = draw(*make(law + "0.125"), 1001, 2.0f);
    const auto odd = draw(*make(law + "0.3"), 1001, 1 / std::sqrt(7.0f));
    for (std::size_t i = 0; i < base.size(); ++i) {
      ASSERT_EQ(quarter[i], base[i] / 4) << law;  // powers of two: exact
      ASSERT_EQ(sigma[i], base[i] / 4) << law;
      ASSERT_NEAR(odd[i], 0.3 / std::sqrt(7.0) * base[i], 3e-7 * std::abs(odd[i])) << law;
    }
    EXPECT_EQ(bits(draw(*make(law + "0"), 9, 1, -0.0f)), bits(std::vector<float>(9, -0.0f))) << law;
    EXPECT_EQ(bits(draw(*make(law + "1"), 9, 0, -0.0f)), bits(std::vector<float>(9, -0.0f))) << law;
  }
}

TEST(Noise, AddsToWhatIsThere) {
  for (const std::string& spec : members) {
    const auto noise = make(spec);
    const auto alone = draw(*noise, 501);
    const auto onto = draw(*noise, 501, 1, 2.5f);
    const auto negative_zero = draw(*noise, 501, 1, -0.0f);
    const auto infinite = draw(*make("gaussian:1"), 501, 1, float_infinity);
    const auto nan = draw(*make("gaussian:1"), 501, 1, std::nanf(""));
    for (std::size_t i = 0; i < alone.size(); ++i) {
      ASSERT_EQ(onto[i], alone[i] + 2.5f) << spec;
      ASSERT_EQ(negative_zero[i], alone[i]) << spec;
      ASSERT_EQ(infinite[i], float_infinity);
      ASSERT_TRUE(std::isnan(nan[i]));
    }
  }
}

TEST(Noise, StudentAtInfiniteNuIsGaussianToTheBit) {
  const auto gaussian = bits(draw(*make("gaussian:0.3"), 999));
  EXPECT_EQ(bits(draw(*make("student:inf:0.3"), 999)), gaussian);
  EXPECT_EQ(bits(draw(*make("joint-student:inf:0.3"), 999)), gaussian);
}

TEST(Noise, HeavyTailsReachInfinityButNeverNaN) {
  for (const std::string law : {"student:", "joint-student:"}) {
    for (const std::string nu : {"1e-300", "1e-9", "0.001", "0.01"}) {
      const auto noise = make(law + nu + ":1:growth=0.5");
      std::size_t plus = 0, minus = 0;
      for (std::uint64_t step = 0; step < 40; ++step) {
        std::vector<float> values(1024, 0.0f);
        noise->add(Stream({.seed = 3, .purpose = Purpose::noise, .agent = 0, .step = step}), 0, values, 1);
        for (const float value : values) {
          ASSERT_FALSE(std::isnan(value)) << noise->name();
          ASSERT_NE(value, 0.0f) << noise->name();
          plus += value == float_infinity;
          minus += value == -float_infinity;
        }
      }
      EXPECT_GT(plus, 0u) << noise->name();
      EXPECT_GT(minus, 0u) << noise->name();
    }
  }
  // A scale of 0 silences a coordinate even where its neighbours overflow.
  const ScalesFile scales("0 1 0 3.5");
  for (const std::string law : {"student:1e-9:1", "joint-student:1e-9:1"}) {
    EXPECT_EQ(draw(*make(scales.spec(law)), 4)[0], 0.0f);
    EXPECT_EQ(draw(*make(scales.spec(law)), 4)[2], 0.0f);
  }
  // The largest σ that is accepted.
  for (const std::string law : {"gaussian:", "student:3:", "student:1e30:", "joint-student:3:"}) {
    for (const float value : draw(*make(law + "3.4e38"), 1001)) ASSERT_FALSE(std::isnan(value)) << law;
  }
}

TEST(Noise, GrowthIsThatOfFigure1c) {
  // σ_i = 0.01·(1 + i)
  const auto grown = draw(*make("gaussian:0.01:growth=1"), 3001);
  const auto replicas = draw(*make("gaussian:0.01:growth=1")->replicated(2), 3001);
  const auto flat = draw(*make("gaussian:0.01"), 3001);
  for (std::size_t i = 0; i < flat.size(); ++i) {
    ASSERT_NEAR(grown[i], flat[i] * static_cast<double>(1 + i), 3e-7 * std::abs(grown[i])) << i;
    ASSERT_EQ(replicas[i], flat[i] * static_cast<float>(1 + i % 2)) << i;
  }
}

TEST(Noise, ScalesComeFromAFile) {
  const ScalesFile file("0.5\n2 1e1\t0\n1");
  const auto noise = make(file.spec("student:3:2"));
  EXPECT_EQ(noise->name(), file.spec("student:3:2"));
  EXPECT_EQ(noise->sigma_at(1), 4.0);
  const auto flat = draw(*make("student:3:2"), 10);
  const float factors[] = {0.5f, 2, 10, 0, 1};
  const auto scaled = draw(*noise, 5);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_FLOAT_EQ(scaled[i], flat[i] * factors[i]);
  const auto twice = draw(*noise->replicated(5), 10);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_FLOAT_EQ(twice[i], flat[i] * factors[i % 5]);
  EXPECT_THROW(draw(*noise, 6), Error);
  EXPECT_THROW(draw(*noise, 2, 1, 0, 4), Error);
  EXPECT_THROW(noise->replicated(4), Error);
  EXPECT_THROW(noise->sigma_at(5), Error);
  EXPECT_THROW(make(file.spec("student:3:2:growth=1")), Error);
}

TEST(Noise, RefusesFilesThatAreNotScales) {
  for (const std::string text : {"", " \n", "1 -1", "1 nan", "1 inf", "1 two", "1,2"}) {
    const ScalesFile file(text);
    EXPECT_THROW(make(file.spec("gaussian:1")), Error) << text;
  }
}

}  // namespace
}  // namespace tersegrad
