// What every compressor must do, run over the registry: a new member is tested before its author writes a test.
#include <gtest/gtest.h>

#include <cmath>

#include "compress/round_trip.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using testing::all_specs;
using testing::normal_vector;
using testing::round_trip;

std::unique_ptr<Compressor> make(const std::string& spec, std::int64_t dim, std::uint32_t agents, std::uint64_t seed = 1) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, seed, agents});
}

class Conformance : public ::testing::TestWithParam<std::string> {};

TEST_P(Conformance, PayloadsStayWithinTheDeclaredBoundAndNothingIsLeftUnwritten) {
  for (const std::int64_t dim : {8, 9, 63, 64, 65, 1000, 4099}) {
    for (const std::uint32_t agents : {1u, 2u, 3u, 8u}) {
      const auto compressor = make(GetParam(), dim, agents);
      std::vector<std::vector<float>> gradients;
      for (std::uint32_t a = 0; a < agents; ++a) gradients.push_back(normal_vector(static_cast<std::size_t>(dim), a + 1));
      const auto step = round_trip(*compressor, gradients, 3, dim);
      const Bucket whole{0, 0, dim};
      for (const auto bytes : step.uplink) EXPECT_LE(bytes, compressor->max_payload_bytes(whole));
      EXPECT_LE(step.downlink, compressor->max_payload_bytes(whole));
      for (const float value : step.mean) EXPECT_NE(value, -12345.0f);
    }
  }
}

TEST_P(Conformance, BucketsDoNotChangeABit) {
  const std::int64_t dim = 5000;
  const auto compressor = make(GetParam(), dim, 3);
  std::vector<std::vector<float>> gradients;
  for (std::uint64_t a = 0; a < 3; ++a) {
    gradients.push_back(normal_vector(static_cast<std::size_t>(dim), 10 + a));
    for (std::size_t j = a; j < 300; j += 7) gradients.back()[j] = 0;
  }
  const auto whole = round_trip(*compressor, gradients, 17, dim);
  for (const std::int64_t bucket : {128, 256, 1024, 4992}) {
    const auto cut = round_trip(*compressor, gradients, 17, bucket);
    EXPECT_EQ(std::memcmp(whole.mean.data(), cut.mean.data(), whole.mean.size() * 4), 0) << "bucket " << bucket;
  }
}

TEST_P(Conformance, SameSeedSameBitsAndStepsAreIndependentCalls) {
  const std::int64_t dim = 1000;
  const std::vector<std::vector<float>> gradients = {normal_vector(1000, 1), normal_vector(1000, 2)};
  const auto first = round_trip(*make(GetParam(), dim, 2, 5), gradients, 9, dim);
  const auto second = round_trip(*make(GetParam(), dim, 2, 5), gradients, 9, dim);
  EXPECT_EQ(first.mean, second.mean);
}

TEST_P(Conformance, DeclaredTraitsHold) {
  // Unbiased: the mean over S steps of C(v)_j is v_j within z standard errors, and E‖C(v) − v‖² ≤ ω‖v‖² (with the
  // standard error of that mean). Contractive: every draw's mean error obeys (1 − δ)‖v‖².
  const std::int64_t dim = 40, draws = 4000;
  const auto compressor = make(GetParam(), dim, 1);
  const Traits traits = compressor->traits();
  if (traits.kind == Traits::Kind::biased) GTEST_SKIP() << GetParam() << " declares no constant";
  const std::vector<float> v = normal_vector(static_cast<std::size_t>(dim), 4);
  double norm2 = 0;
  for (const float x : v) norm2 += double(x) * double(x);
  std::vector<double> sum(v.size()), sum2(v.size());
  double error_sum = 0, error_sum2 = 0;
  for (std::int64_t s = 0; s < draws; ++s) {
    const auto c = round_trip(*compressor, {v}, static_cast<std::uint64_t>(s), dim).mean;
    double error = 0;
    for (std::size_t j = 0; j < v.size(); ++j) {
      sum[j] += double(c[j]);
      sum2[j] += double(c[j]) * double(c[j]);
      error += (double(c[j]) - double(v[j])) * (double(c[j]) - double(v[j]));
    }
    error_sum += error;
    error_sum2 += error * error;
  }
  const double n = static_cast<double>(draws);
  const double mean_error = error_sum / n;
  const double error_se = std::sqrt(std::max(0.0, error_sum2 / n - mean_error * mean_error) / n);
  const double z = 5.7;  // 41 comparisons at 1e-6 / 41 each, doubled for the normal approximation
  const double rounding = 1e-5 * norm2;
  if (traits.kind == Traits::Kind::contractive) {
    EXPECT_LE(mean_error, (1 - traits.constant) * norm2 + z * error_se + rounding);
    return;
  }
  EXPECT_LE(mean_error, traits.constant * norm2 + z * error_se + rounding);
  for (std::size_t j = 0; j < v.size(); ++j) {
    const double mean = sum[j] / n;
    const double se = std::sqrt(std::max(0.0, sum2[j] / n - mean * mean) / n);
    EXPECT_NEAR(mean, double(v[j]), z * se + 1e-6) << "coordinate " << j;
  }
}

TEST_P(Conformance, NonfiniteCoordinatesAreCounted) {
  const std::int64_t dim = 300;
  const auto compressor = make(GetParam(), dim, 1);
  auto v = normal_vector(static_cast<std::size_t>(dim), 6);
  v[3] = std::nanf("");
  v[120] = INFINITY;
  v[299] = -INFINITY;
  const auto step = round_trip(*compressor, {v}, 0, dim);
  EXPECT_EQ(step.headers.front().nonfinite, 3u);
  EXPECT_EQ(round_trip(*compressor, {normal_vector(300, 7)}, 0, dim).headers.front().nonfinite, 0u);
}

TEST_P(Conformance, TruncatedOrPaddedPayloadsAreRefused) {
  const std::int64_t dim = 256;
  const auto compressor = make(GetParam(), dim, 1);
  const auto v = normal_vector(256, 8);
  const auto encoder = compressor->encoder(0);
  encoder->begin_step(1, v);
  const auto aggregator = compressor->aggregator();
  aggregator->begin_step(1);
  const Bucket bucket{0, 0, dim};
  Message message, aggregate;
  encoder->encode(bucket, v, message);
  for (const int change : {-1, 1}) {
    Message bad = message;
    bad.payload.resize(bad.payload.size() + static_cast<std::size_t>(change));
    bad.header.payload_bytes = bad.payload.size();
    const MessageView views[] = {view(bad)};
    EXPECT_THROW(aggregator->merge(bucket, views, aggregate), Error) << change;
  }
  const MessageView good[] = {view(message)};
  aggregator->merge(bucket, good, aggregate);
  aggregate.payload.pop_back();
  std::vector<float> mean(256);
  EXPECT_THROW(aggregator->decode(bucket, view(aggregate), mean), Error);
}

INSTANTIATE_TEST_SUITE_P(Registry, Conformance, ::testing::ValuesIn(all_specs()), [](const auto& info) {
  std::string name;
  for (const char c : info.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace tersegrad
