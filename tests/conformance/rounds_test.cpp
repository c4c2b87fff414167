// What every compressor with rounds must do, run over the registry.
#include <algorithm>
#include <limits>

#include "conformance/conformance.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"

namespace tersegrad::testing {
namespace {

/// Matrices, a convolution, vectors and a number: 2153 coordinates.
ParameterLayout small_model() {
  std::vector<ParameterTensor> tensors = {{"first.weight", {24, 32}, 0}, {"first.bias", {24}, 0},  {"conv.weight", {8, 4, 3, 3}, 0},
                                          {"conv.bias", {8}, 0},         {"scale", {}, 0},         {"last.weight", {40, 24}, 0},
                                          {"last.bias", {104}, 0}};
  std::int64_t begin = 0;
  for (auto& tensor : tensors) {
    tensor.begin = begin;
    begin += tensor.size();
  }
  return {Layout{begin, 1}, tensors};
}

std::unique_ptr<Compressor> make_rounds(const std::string& spec, const ParameterLayout& layout, std::uint32_t agents) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{layout, 1, agents});
}

std::vector<std::string> rounds_specs() {
  std::vector<std::string> specs;
  for (const auto& spec : all_specs()) {
    if (make_rounds(spec, small_model(), 1)->rounds() != nullptr) specs.push_back(spec);
  }
  for (const char* spec : {"per-layer:*bias=none,first*=sign,topk:0.25", "per-layer:*weight=ef:topk:0.1,*=ef21:scaled-sign",
                           "per-layer:last*=doublesqueeze:topk:0.1,?cale=none:fp16,randk:0.25",
                           "per-layer:*bias=signum,majority", "per-layer:conv*=qsgd:7:0,natural", "powersgd:4",
                           "per-layer:conv*=sign,*bias=none,powersgd:3"}) {
    specs.push_back(spec);
  }
  return specs;
}

class EveryRounds : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryRounds, BucketsDoNotChangeABitAndPayloadsStayWithinTheBound) {
  const auto layout = small_model();
  const auto compressor = make_rounds(GetParam(), layout, 3);
  const auto run = [&](std::int64_t bucket, bool backwards) {
    Session session(*compressor, 3);
    std::vector<float> means;
    for (std::uint64_t s = 0; s < 3; ++s) {
      const auto step = session.step(gradients_of(3, layout.total(), 10 * s), 17 + s, bucket, true, backwards);
      for (const float value : step.mean) EXPECT_NE(value, -12345.0f);
      means.insert(means.end(), step.mean.begin(), step.mean.end());
    }
    EXPECT_TRUE(session.within_bound);
    return means;
  };
  const auto whole = run(layout.total(), false);
  for (const std::int64_t bucket : {128, 256, 1024}) EXPECT_TRUE(same_bits(whole, run(bucket, bucket == 256))) << "bucket " << bucket;
}

TEST_P(EveryRounds, EachRoundsVectorsHaveTheSameLengthWhateverTheBuckets) {
  const auto compressor = make_rounds(GetParam(), small_model(), 2);
  ASSERT_GE(compressor->rounds()->count(), 1);
  for (int round = 0; round < compressor->rounds()->count(); ++round) {
    for (const auto& part : compressor->rounds()->parts(round)) EXPECT_GE(part.length, 0);
  }
  EXPECT_TRUE(compressor->traits().whole_gradient);
}

TEST_P(EveryRounds, AVectorWithoutTensorsOrWithReplicasIsCompressedToo) {
  for (const Layout layout : {Layout{1, 1}, Layout{700, 1}, Layout{7, 37}}) {
    std::unique_ptr<Compressor> compressor;
    try {
      compressor = make_rounds(GetParam(), layout, 2);
    } catch (const Error&) {
      continue;  // patterns for tensors that are not there
    }
    Session session(*compressor, 2);
    const auto step = session.step(gradients_of(2, layout.total(), 5), 0, 128);
    for (const float value : step.mean) EXPECT_TRUE(std::isfinite(value));
    EXPECT_TRUE(session.within_bound);
  }
}

TEST_P(EveryRounds, ADiscardedStepLeavesNoTrace) {
  const auto layout = small_model();
  const auto compressor = make_rounds(GetParam(), layout, 2);
  Session plain(*compressor, 2), disturbed(*compressor, 2);
  for (std::uint64_t s = 0; s < 4; ++s) {
    if (s > 0) {
      auto bad = gradients_of(2, layout.total(), 1000 + s);
      bad[1][17] = std::nanf("");
      disturbed.step(bad, 100 + s, 128, false);
      for (auto& encoder : disturbed.encoders) {
        if (EncoderMemory* memory = encoder->memory()) memory->discard_step();
      }
      if (AggregatorMemory* memory = disturbed.aggregator->memory()) memory->discard_step();
      if (RootMemory* memory = disturbed.aggregator->root_memory()) memory->discard_step();
    }
    const auto gradients = gradients_of(2, layout.total(), 10 * s);
    EXPECT_TRUE(same_bits(plain.step(gradients, s, 128).mean, disturbed.step(gradients, s, 128).mean)) << "step " << s;
  }
}

TEST_P(EveryRounds, StateCarriesOn) {
  const auto layout = small_model();
  const auto compressor = make_rounds(GetParam(), layout, 2);
  Session going(*compressor, 2), resumed(*compressor, 2);
  for (std::uint64_t s = 0; s < 2; ++s) going.step(gradients_of(2, layout.total(), 10 * s), s, 128);
  std::vector<Bucket> buckets;
  std::int64_t begin = 0;
  for (const RoundPart& part : compressor->rounds()->parts(0)) {
    for (const Bucket& cut : buckets_of(*compressor, part.length, 128)) {
      buckets.push_back({static_cast<std::uint32_t>(buckets.size()), begin + cut.begin, begin + cut.end});
    }
    begin += part.length;
  }
  copy_memory(going, resumed, buckets);
  for (std::uint64_t s = 2; s < 4; ++s) {
    const auto gradients = gradients_of(2, layout.total(), 10 * s);
    EXPECT_TRUE(same_bits(going.step(gradients, s, 128).mean, resumed.step(gradients, s, 128).mean)) << "step " << s;
  }
}

TEST_P(EveryRounds, NonfiniteValuesAreCountedAndForgotten) {
  const auto layout = small_model();
  for (const float bad : {std::nanf(""), INFINITY}) {
    const auto compressor = make_rounds(GetParam(), layout, 2);
    Session session(*compressor, 2);
    auto gradients = gradients_of(2, layout.total(), 3);
    gradients[1][5] = bad;           // of a matrix
    gradients[0].back() = bad;       // of a vector
    EXPECT_TRUE(session.step(gradients, 0, 128).nonfinite);
    for (std::uint64_t s = 1; s < 3; ++s) {  // --nonfinite keep goes on; no memory may hold it
      const auto step = session.step(gradients_of(2, layout.total(), 10 * s), s, 128);
      EXPECT_FALSE(step.nonfinite);
      for (const float value : step.mean) ASSERT_TRUE(std::isfinite(value));
    }
  }
}

TEST_P(EveryRounds, AZeroGradientGivesAFiniteUpdate) {
  const auto layout = small_model();
  const auto compressor = make_rounds(GetParam(), layout, 2);
  Session session(*compressor, 2);
  for (std::uint64_t s = 0; s < 3; ++s) {
    const auto step = session.step(Vectors(2, std::vector<float>(static_cast<std::size_t>(layout.total()), 0.0f)), s, 256);
    for (const float value : step.mean) EXPECT_TRUE(std::isfinite(value));
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryRounds, ::testing::ValuesIn(rounds_specs()), test_name);

// per-layer alone

TEST(PerLayer, AGroupIsCompressedAsIfItWereTheWholeModel) {
  const auto layout = small_model();
  const auto compressor = make_rounds("per-layer:first.weight=ef:topk:0.1,none", layout, 2);
  const auto alone = CompressorRegistry::instance().make("ef:topk:0.1", CompressorSetup{{768, 1}, 1, 2});
  Session session(*compressor, 2), lone(*alone, 2);
  for (std::uint64_t s = 0; s < 3; ++s) {
    const auto gradients = gradients_of(2, layout.total(), 10 * s);
    Vectors firsts;
    for (const auto& gradient : gradients) firsts.emplace_back(gradient.begin(), gradient.begin() + 768);
    const auto mean = session.step(gradients, s, 256).mean, expected = lone.step(firsts, s, 256).mean;
    EXPECT_TRUE(same_bits({mean.begin(), mean.begin() + 768}, expected));
    for (std::size_t j = 768; j < mean.size(); ++j) ASSERT_EQ(mean[j], (gradients[0][j] + gradients[1][j]) / 2);
  }
}

TEST(PerLayer, WhatMatchesNothingIsRefusedWithTheNamesThatExist) {
  const auto refusal = [](const std::string& spec) -> std::string {
    try {
      make_rounds(spec, small_model(), 2);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(refusal("per-layer:*bais=none,sign"),
            "pattern '*bais' of 'per-layer:*bais=none,sign' matches no tensor (there are: first.weight, first.bias, conv.weight, "
            "conv.bias, scale, last.weight, last.bias)");
  EXPECT_NE(refusal("per-layer:*=none,*bias=sign").find("matches no tensor that an earlier rule leaves"), std::string::npos);
  EXPECT_NE(refusal("per-layer:*bias=none").find("has no rule for tensor 'first.weight'"), std::string::npos);
  EXPECT_NE(refusal("per-layer:*bias=nonsense,none").find("unknown compressor 'nonsense'"), std::string::npos);
  EXPECT_NE(refusal("per-layer:*bias=per-layer:none,none").find("has rules of its own"), std::string::npos);
  EXPECT_NE(refusal("per-layer:=none").find("must be PATTERN=COMPRESSOR"), std::string::npos);
  EXPECT_NE(refusal("ef:per-layer:topk:0.1").find("sends more than one vector a step"), std::string::npos);
}

TEST(PerLayer, NameAndTraitsAreThoseOfTheGroupsTogether) {
  const auto both = make_rounds("per-layer:*bias=none,randk:0.5", small_model(), 2);
  EXPECT_EQ(both->name(), "per-layer:*bias=none,*=randk:1009");
  EXPECT_TRUE(both->traits().is_unbiased());
  EXPECT_DOUBLE_EQ(both->traits().constant, 2017.0 / 1009 - 1);
  EXPECT_FALSE(both->traits().dense_fp32);
  EXPECT_TRUE(make_rounds("per-layer:*bias=none,none", small_model(), 2)->traits().dense_fp32);
  EXPECT_EQ(make_rounds("per-layer:*bias=none,sign", small_model(), 2)->traits().kind, Traits::Kind::biased);
}

}  // namespace
}  // namespace tersegrad::testing
