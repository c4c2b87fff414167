// Error feedback: EF14 and EF21 against plain simulations and their theory.
#include <gtest/gtest.h>

#include <cmath>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;
using testing::Session;
using Vectors = std::vector<std::vector<float>>;

std::unique_ptr<Compressor> make(const std::string& spec, const Layout& layout, std::uint32_t agents = 1,
                                 std::uint64_t seed = 1) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{layout, seed, agents});
}

double norm2(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += double(x) * double(x);
  return sum;
}

TEST(ErrorFeedback, IsTheRecursionWithItsInnerCompressor) {
  const std::size_t n = 600;
  for (const std::string spec : {"topk:0.05", "scaled-sign", "randk:0.1", "qsgd:2", "none:bf16"}) {
    const auto inner = make(spec, {600, 1});
    const auto a = static_cast<float>(inner->traits().feedback_scale());
    Session plain(*inner, 1), wrapped(*make("ef:" + spec, {600, 1}), 1);
    std::vector<float> e(n, 0.0f);
    for (std::uint64_t s = 0; s < 4; ++s) {
      const auto g = normal_vector(n, 20 + s);
      std::vector<float> p(n);
      for (std::size_t j = 0; j < n; ++j) p[j] = g[j] + e[j];
      const auto sent = plain.step({p}, s, 600).own[0];
      const auto step = wrapped.step({g}, s, 256);
      for (std::size_t j = 0; j < n; ++j) {
        ASSERT_EQ(step.own[0][j], a * sent[j]) << spec << ", step " << s << ", coordinate " << j;
        e[j] = p[j] - a * sent[j];
      }
      const auto state = state_of(*wrapped.encoders[0]);
      ASSERT_EQ(state.size(), 1u);
      EXPECT_EQ(state[0].name, "error");
      for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(state[0].values[j], e[j]) << spec << ", step " << s;
    }
  }
}

TEST(Ef21, IsTheRecursionWithItsInnerCompressor) {
  const std::size_t n = 600;
  for (const std::string spec : {"topk:0.05", "scaled-sign", "randk:0.1", "qsgd:2", "none:bf16"}) {
    const auto inner = make(spec, {600, 1});
    const auto a = static_cast<float>(inner->traits().feedback_scale());
    Session plain(*inner, 1), wrapped(*make("ef21:" + spec, {600, 1}), 1);
    std::vector<float> h(n, 0.0f);
    for (std::uint64_t s = 0; s < 5; ++s) {
      const auto g = normal_vector(n, 20 + s);
      std::vector<float> p(n);
      for (std::size_t j = 0; j < n; ++j) p[j] = g[j] - h[j];
      const auto sent = plain.step({p}, s, 600).own[0];
      const auto step = wrapped.step({g}, s, 256);
      for (std::size_t j = 0; j < n; ++j) {
        h[j] = h[j] + a * sent[j];
        ASSERT_EQ(step.own[0][j], h[j]) << spec << ", step " << s << ", coordinate " << j;
      }
      if (s == 2) continue;  // looked at or not, it goes on alike
      const auto state = state_of(*wrapped.encoders[0]);
      for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(state[0].values[j], h[j]) << spec << ", step " << s;
    }
  }
}

TEST(ErrorFeedback, MemoryStaysBounded) {
  // Karimireddy et al. 2019, Lemma 3: E‖e‖² ≤ 4(1 − δ)/δ²·max‖g‖². Scaled Rand-k inside would grow without bound.
  const std::size_t n = 100;
  for (const auto& [spec, delta] : {std::pair<std::string, double>{"randk:0.1", 0.1},
                                    {"bernoulli:0.1", 0.1},
                                    {"topk:0.1", 0.1},
                                    {"terngrad", 2 / (1 + 10.0)}}) {
    Session session(*make("ef:" + spec, {100, 1}), 1);
    double largest = 0, mean = 0;
    const int steps = 500;
    for (std::uint64_t s = 0; s < steps; ++s) {
      const auto g = normal_vector(n, 1000 + s);
      largest = std::max(largest, norm2(g));
      session.step({g}, s, 128);
      mean += norm2(state_of(*session.encoders[0])[0].values) / steps;
    }
    EXPECT_LT(mean, 4 * (1 - delta) / (delta * delta) * largest) << spec;
    EXPECT_GT(mean, 0) << spec;
  }
}

TEST(ErrorFeedback, NonfiniteGradientsDoNotStayInTheMemory) {
  Session session(*make("ef:topk:1", {4, 1}), 1);
  session.step({{4, 3, 2, 1}}, 0, 4);  // memory 0 3 2 1
  session.step({{0, std::nanf(""), 0, INFINITY}}, 1, 4);
  const auto memory = state_of(*session.encoders[0])[0].values;
  // NaN was sent; p of the last coordinate is inf, which was not. Both keep what they had.
  EXPECT_EQ(std::vector<float>(memory.begin(), memory.end()), (std::vector<float>{0, 3, 2, 1}));
  EXPECT_EQ(session.step({{0, 0, 0, 0}}, 2, 4).mean, (std::vector<float>{0, 3, 0, 0}));
}

TEST(ErrorFeedback, OfScaledSignsForgetsAStepThatIsNotFinite) {
  // One NaN makes the scale NaN, and with it all that would be left: everything keeps what it had.
  for (const char* spec : {"ef:scaled-sign", "ef21:scaled-sign"}) {
    const auto compressor = make(spec, {300, 1});
    Session plain(*compressor, 1), disturbed(*compressor, 1);
    for (std::uint64_t s = 0; s < 4; ++s) {
      if (s > 0) {
        auto bad = normal_vector(300, 70 + s);
        const auto kept = state_of(*plain.encoders[0])[0].values;
        bad[5] = spec[2] == ':' ? -kept[5] : kept[5];  // p is 0 there, which no scale moves
        bad[77] = s == 1 ? std::nanf("") : INFINITY;
        const auto step = disturbed.step({bad}, 100 + s, 128);
        EXPECT_EQ(step.headers[0].nonfinite, 1u);
        EXPECT_EQ(step.headers[1].nonfinite, 0u);
      }
      const auto g = normal_vector(300, 10 + s);
      EXPECT_EQ(plain.step({g}, s, 128).own[0], disturbed.step({g}, s, 128).own[0]) << spec << ", step " << s;
    }
  }
}

TEST(Ef21, FollowsAConstantGradientAndReachesIt) {
  const std::size_t n = 100;
  const Vectors g = {normal_vector(n, 1), normal_vector(n, 2), normal_vector(n, 3)};
  Session session(*make("ef21:topk:10", {100, 1}, 3), 3);
  testing::Step last;
  double before = INFINITY;
  for (std::uint64_t s = 0; s < 10; ++s) {
    last = session.step(g, s, 128);
    double distance = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t j = 0; j < n; ++j) distance += std::pow(double(last.own[a][j]) - double(g[a][j]), 2);
    }
    EXPECT_LT(distance, 0.9 * before + 1e-30);  // contraction by 1 − k/d a step at least
    before = distance;
  }
  for (std::size_t j = 0; j < n; ++j) {  // ten times ten coordinates: all of them
    for (std::size_t a = 0; a < 3; ++a) EXPECT_EQ(last.own[a][j], g[a][j]);
    EXPECT_NEAR(last.mean[j], (g[0][j] + g[1][j] + g[2][j]) / 3, 1e-6);
  }
  EXPECT_EQ(state_of(*session.encoders[0])[0].name, "estimate");
  EXPECT_EQ(state_of(*session.aggregator)[0].name, "mean");
}

TEST(Ef21, UnbiasedCompressorsConvergeToo) {
  const auto g = normal_vector(100, 1);
  for (const std::string spec : {"randk:0.2", "bernoulli:0.2", "qsgd:1", "natural", "scaled-sign"}) {
    Session session(*make("ef21:" + spec, {100, 1}), 1);
    std::vector<float> mean;
    for (std::uint64_t s = 0; s < 300; ++s) mean = session.step({g}, s, 128).mean;
    double distance = 0;
    for (std::size_t j = 0; j < 100; ++j) distance += std::pow(double(mean[j]) - double(g[j]), 2);
    EXPECT_LT(distance, 1e-6 * norm2(g)) << spec;
  }
}

TEST(Feedback, NamesAndRefusals) {
  EXPECT_EQ(make("ef:topk:0.01", {1000, 1})->name(), "ef:topk:10");
  EXPECT_EQ(make("ef21:qsgd:4:0", {1000, 1})->name(), "ef21:qsgd:4:block=0");
  EXPECT_EQ(make("ef:topk:k=0.01,wire=bf16", {1000, 1})->name(), "ef:topk:10:wire=bf16");
  EXPECT_EQ(make("ef:randk:0.01:fp16", {1000, 1})->name(), "ef:randk:10:wire=fp16");
  for (const char* bad :
       {"ef", "ef:", "ef:sign", "ef:majority", "ef:ntopk:3", "ef:ef:topk:3", "ef21:signum", "ef:nothing"}) {
    EXPECT_THROW(make(bad, {1000, 1}), Error) << bad;
  }
  try {
    make("ef21:sign", {1000, 1});
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "error feedback with 'sign' (neither unbiased nor contractive: the memory would not stay "
                 "bounded); use e.g. ef21:topk:0.01 or ef21:scaled-sign");
  }
}

}  // namespace
}  // namespace tersegrad
