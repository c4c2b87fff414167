// Top-k, its normalised form and Bernoulli sparsification against plain simulations.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/kernels/sparse/index_packing.hpp"
#include "tersegrad/compress/wire/values.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;
using testing::round_trip;
using Vectors = std::vector<std::vector<float>>;

std::unique_ptr<Compressor> make(const std::string& spec, const Layout& layout, std::uint32_t agents,
                                 std::uint64_t seed = 1) {
  return CompressorRegistry::instance().make(spec, CompressorSetup{layout, seed, agents});
}

/// Top-k of each replica by a stable sort: of equal magnitudes the lower index.
std::vector<float> plain_top_k(const std::vector<float>& g, std::size_t dim, std::size_t k) {
  std::vector<float> kept(g.size(), 0.0f);
  for (std::size_t first = 0; first < g.size(); first += dim) {
    std::vector<std::size_t> order(dim);
    std::iota(order.begin(), order.end(), first);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return std::abs(g[a]) > std::abs(g[b]); });
    for (std::size_t i = 0; i < k; ++i) kept[order[i]] = g[order[i]];
  }
  return kept;
}

TEST(TopK, IsExactWithTiesToTheLowerIndexInEveryReplica) {
  for (const Layout layout : {Layout{1000, 1}, Layout{10, 100}, Layout{2, 333}, Layout{1, 64}}) {
    auto g = normal_vector(static_cast<std::size_t>(layout.total()), 2);
    for (float& x : g) x = std::round(4 * x) / 4;  // many ties
    for (const std::int64_t k : {std::int64_t{1}, layout.dim / 3, layout.dim}) {
      if (k == 0) continue;
      const auto step = round_trip(*make(concat("topk:", k), layout, 1), {g}, 0, 128);
      EXPECT_EQ(step.mean, plain_top_k(g, static_cast<std::size_t>(layout.dim), static_cast<std::size_t>(k)));
    }
  }
}

TEST(TopK, BytesAreValuesAndTheSmallerOfIndicesAndBitmap) {
  const std::int64_t d = 10000;
  const auto g = normal_vector(10000, 1), h = normal_vector(10000, 2);
  for (const std::int64_t k : {10, 100, 5000}) {
    for (const auto& [wire, width] : {std::pair("fp32", 4), std::pair("bf16", 2)}) {
      const auto one = round_trip(*make(concat("topk:", k, ":", wire), {d, 1}, 1), {g}, 0, d);
      const auto bytes = static_cast<std::size_t>(k * width + std::min((k * 14 + 7) / 8, d / 8));
      EXPECT_EQ(one.uplink[0], bytes);
      EXPECT_EQ(one.downlink, bytes);
      EXPECT_EQ(one.headers[0].k, static_cast<std::uint64_t>(k));
    }
  }
  // Two agents: the union of both sets.
  const auto both = round_trip(*make("topk:100", {d, 1}, 2), {g, h}, 0, d);
  const auto a = plain_top_k(g, 10000, 100), b = plain_top_k(h, 10000, 100);
  std::int64_t kept = 0;
  for (std::size_t j = 0; j < 10000; ++j) {
    kept += a[j] != 0 || b[j] != 0;
    ASSERT_EQ(both.mean[j], (0.0f + a[j] + b[j]) / 2);
  }
  EXPECT_EQ(both.downlink, static_cast<std::size_t>(4 * kept + (kept * 14 + 7) / 8));
  // All of it: dense, not one bit more.
  EXPECT_EQ(round_trip(*make("topk:1.0", {d, 1}, 1), {g}, 0, d).uplink[0], static_cast<std::size_t>(4 * d));
}

TEST(TopK, SendsWhatIsNotFinite) {
  auto g = normal_vector(100, 1);
  g[7] = -INFINITY;
  g[50] = std::nanf("");
  const auto step = round_trip(*make("topk:2", {100, 1}, 1), {g}, 0, 100);
  EXPECT_EQ(step.mean[7], -INFINITY);
  EXPECT_TRUE(std::isnan(step.mean[50]));
  EXPECT_EQ(step.headers[0].nonfinite, 2u);
}

TEST(TopK, DamagedIndicesAreRefused) {
  const Bucket bucket{0, 0, 1000};
  const auto compressor = make("topk:3", {1000, 1}, 1);
  const auto aggregator = compressor->aggregator();
  const auto message = [&](std::vector<std::uint32_t> indices) {
    Message m;
    m.header.k = indices.size();
    m.payload.resize(indices.size() * 4 + (indices.size() * 10 + 7) / 8);
    m.header.payload_bytes = m.payload.size();
    for (std::size_t i = 0; i < indices.size(); ++i) {
      for (std::size_t b = 0; b < 10; ++b) {
        m.payload[4 * indices.size() + (10 * i + b) / 8] |=
            static_cast<std::byte>((indices[i] >> b & 1) << ((10 * i + b) % 8));
      }
    }
    return m;
  };
  Message out;
  const auto merge = [&](const Message& m) {
    const MessageView views[] = {view(m)};
    aggregator->aggregate(bucket, views, out);
  };
  EXPECT_NO_THROW(merge(message({1, 2, 999})));
  for (const auto& bad : {std::vector<std::uint32_t>{2, 1, 999}, {1, 1, 2}, {1, 2, 1000}, {1023, 1, 2}}) {
    EXPECT_THROW(merge(message(bad)), Error);
  }
  for (const std::uint64_t k : {std::uint64_t{2}, std::uint64_t{1001}, ~std::uint64_t{0}, std::uint64_t{1} << 62}) {
    auto bad = message({1, 2, 3});
    bad.header.k = k;
    EXPECT_THROW(merge(bad), Error) << k;
  }
}

TEST(NormalizedTopK, IsTopKOverTheNormOfEachReplica) {
  for (const Layout layout : {Layout{600, 1}, Layout{20, 30}}) {
    const auto g = normal_vector(600, 3);
    const auto dim = static_cast<std::size_t>(layout.dim);
    const auto step = round_trip(*make("ntopk:5", layout, 1), {g}, 0, 256);
    const auto kept = plain_top_k(g, dim, 5);
    for (std::size_t j = 0; j < 600; ++j) {
      double squares = 0;
      for (std::size_t i = j / dim * dim; i < j / dim * dim + dim; ++i) squares += double(g[i]) * double(g[i]);
      EXPECT_NEAR(step.mean[j], double(kept[j]) / std::sqrt(squares), 1e-7);
    }
  }
}

TEST(NormalizedTopK, DoesNotFeelTheScaleOfTheGradient) {
  const auto g = normal_vector(600, 3);
  const auto compressor = make("ntopk:60", {600, 1}, 1);
  const auto plain = round_trip(*compressor, {g}, 0, 600).mean;
  for (const float scale : {0x1p-100f, 0x1p-30f, 0x1p120f}) {
    auto scaled = g;
    for (float& x : scaled) x *= scale;
    EXPECT_EQ(round_trip(*compressor, {scaled}, 0, 600).mean, plain) << scale;
  }
}

TEST(Bernoulli, KeepsEachCoordinateIndependentlyAndIndicesCostNothing) {
  const int dim = 200, steps = 4000;
  const double p = 0.3;
  const auto compressor = make("bernoulli:0.3", {dim, 1}, 1);
  const std::vector<float> ones(dim, 1.0f);
  std::vector<double> kept(dim, 0.0);
  double count = 0, count2 = 0, pairs = 0;
  for (std::uint64_t s = 0; s < steps; ++s) {
    const auto step = round_trip(*compressor, {ones}, s, dim);
    double k = 0;
    for (std::size_t j = 0; j < dim; ++j) {
      const bool here = step.mean[j] != 0;
      if (here) {
        ASSERT_FLOAT_EQ(step.mean[j], static_cast<float>(1 / p));
      }
      kept[j] += here;
      k += here;
      if (j > 0) pairs += here && step.mean[j - 1] != 0;
    }
    ASSERT_EQ(step.uplink[0], 4 * static_cast<std::size_t>(k));
    count += k;
    count2 += k * k;
  }
  // Binomial(200, 0.3) each step: mean 60, variance 42. z = 5.5 over 200 coordinates and three sums.
  const double mean = count / steps, variance = count2 / steps - mean * mean;
  EXPECT_NEAR(mean, dim * p, 5.5 * std::sqrt(dim * p * (1 - p) / steps));
  EXPECT_NEAR(variance, dim * p * (1 - p), 5.5 * dim * p * (1 - p) * std::sqrt(2.0 / steps));
  for (const double k : kept) EXPECT_NEAR(k / steps, p, 5.5 * std::sqrt(p * (1 - p) / steps));
  // Neighbours: p² each; sums over overlapping pairs have at most three times the variance of independent ones.
  EXPECT_NEAR(pairs / steps / (dim - 1), p * p, 5.5 * std::sqrt(3 * p * p * (1 - p * p) / (steps * (dim - 1.0))));
}

/// d/k is 10⁵ and more: gradients of ordinary size, scaled by it, are beyond fp16.
TEST(RandK, AHalfPrecisionWireHoldsTheMeanHoweverFewCoordinatesAreKept) {
  const std::int64_t d = 1000000;
  const auto size = static_cast<std::size_t>(d);
  const Vectors gradients = {normal_vector(size, 1), normal_vector(size, 2)};
  for (const char* sparsifier : {"randk:10", "ef:randk:10", "ef21:randk:10", "bernoulli:0.00001", "ef:bernoulli:1e-5"}) {
    const auto wide = round_trip(*make(sparsifier, {d, 1}, 2), gradients, 0, d);
    for (const auto& [wire, roundoff] : {std::pair("fp16", 0x1p-11), std::pair("bf16", 0x1p-8)}) {
      const auto step = round_trip(*make(concat(sparsifier, ":wire=", wire), {d, 1}, 2), gradients, 0, d);
      EXPECT_EQ(step.headers[0].nonfinite, 0u);
      EXPECT_EQ(2 * step.downlink, wide.downlink);
      EXPECT_EQ(2 * step.uplink[0], wide.uplink[0]);
      for (std::size_t j = 0; j < size; ++j) {
        ASSERT_TRUE(std::isfinite(step.mean[j])) << sparsifier << ", " << wire << ", coordinate " << j;
        // Rounded on the way up and on the way down; no two agents drew the same coordinate.
        ASSERT_NEAR(step.mean[j], wide.mean[j], 2.1 * roundoff * std::abs(double(wide.mean[j])) + 1e-30) << j;
      }
    }
  }
}

/// What fp16 cannot hold is counted where it is sent, and only there.
TEST(RandK, OnlyAnOverflowThatTravelsIsCounted) {
  std::vector<float> g(1000, 1e6f);
  EXPECT_EQ(round_trip(*make("randk:10", {1000, 1}, 1), {g}, 0, 1000).headers[0].nonfinite, 0u);
  EXPECT_EQ(round_trip(*make("randk:10:fp16", {1000, 1}, 1), {g}, 0, 1000).headers[0].nonfinite, 10u);
  EXPECT_EQ(round_trip(*make("topk:10:fp16", {1000, 1}, 1), {g}, 0, 1000).headers[0].nonfinite, 10u);
  EXPECT_EQ(round_trip(*make("none:fp16", {1000, 1}, 1), {g}, 0, 1000).headers[0].nonfinite, 1000u);
  EXPECT_EQ(round_trip(*make("none:bf16", {1000, 1}, 1), {g}, 0, 1000).headers[0].nonfinite, 0u);
  g[7] = INFINITY;  // wherever it lies, drawn or not
  EXPECT_EQ(round_trip(*make("randk:10", {1000, 1}, 1), {g}, 0, 1000).headers[0].nonfinite, 1u);
  EXPECT_EQ(round_trip(*make("topk:10:fp16", {1000, 1}, 1), {g}, 0, 1000).headers[0].nonfinite, 10u);
}

TEST(Values, TheLargestThatStaysFiniteIsTheLargestThatStaysFinite) {
  for (const auto format : {ValueFormat::fp32, ValueFormat::fp16, ValueFormat::bf16}) {
    const float top = largest_value(format), beyond = std::nextafter(top, INFINITY);
    std::vector<std::byte> packed(static_cast<std::size_t>(6 * bytes_per_value(format)));
    const std::vector<float> values = {top, -top, beyond, -beyond, std::nanf(""), 0};
    EXPECT_EQ(pack_and_count(format, values, packed), 3);
    std::vector<float> unpacked(6);
    unpack_values(format, packed, unpacked);
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(std::isfinite(unpacked[i]), i < 2 || i == 5) << i;
  }
}

TEST(Bernoulli, Limits) {
  const auto g = normal_vector(1000, 1);
  EXPECT_EQ(round_trip(*make("bernoulli:1", {1000, 1}, 1), {g}, 0, 1000).mean, g);
  EXPECT_EQ(round_trip(*make("bernoulli:1e-9", {1000, 1}, 1), {g}, 0, 1000).mean, std::vector<float>(1000, 0.0f));
  EXPECT_EQ(make("bernoulli:0.05:bf16", {1000, 1}, 1)->name(), "bernoulli:0.05:wire=bf16");
  for (const char* bad : {"bernoulli", "bernoulli:0", "bernoulli:1.01", "bernoulli:x"}) {
    EXPECT_THROW(make(bad, {1000, 1}, 1), Error) << bad;
  }
}

}  // namespace
}  // namespace tersegrad
