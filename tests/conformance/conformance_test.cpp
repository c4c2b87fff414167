// What every compressor must do, run over the registry: a new member is tested before its author writes a test.
//
// A test of a fast path skips, by name, a member that never takes it; fast_paths_test.cpp says which member has which.
#include <limits>

#include "conformance/conformance.hpp"
#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/capabilities/sparse.hpp"
#include "tersegrad/compress/capabilities/update.hpp"

namespace tersegrad::testing {
namespace {

class EveryCompressor : public Conformance {};

TEST_P(EveryCompressor, PayloadsStayWithinTheDeclaredBoundAndNothingIsLeftUnwritten) {
  for (const std::int64_t dim : {1, 2, 7, 8, 9, 63, 64, 65, 130, 1000, 4099}) {
    for (const std::uint32_t agents : {1u, 2u, 3u, 8u, 40u}) {
      if (agents == 40 && dim > 130) continue;
      const auto compressor = make(GetParam(), dim, agents);
      const Bucket whole{0, 0, dim};
      const auto size = static_cast<std::size_t>(dim);
      for (const auto& values : {normal_vector(size, 5), std::vector<float>(size, 0.0f),
                                 std::vector<float>(size, -1e-42f), std::vector<float>(size, INFINITY),
                                 std::vector<float>(size, std::nanf("")), std::vector<float>(size, 3e38f)}) {
        Vectors gradients(agents, values);
        gradients.back() = normal_vector(size, 6);  // not all agents alike
        const auto step = round_trip(*compressor, gradients, 3, dim);
        for (const auto bytes : step.uplink) EXPECT_LE(bytes, compressor->max_payload_bytes(whole));
        EXPECT_LE(step.downlink, compressor->max_payload_bytes(whole));
        EXPECT_EQ(step.headers[0].payload_bytes, step.uplink[0]);
        EXPECT_LE(step.headers[0].k, static_cast<std::uint64_t>(dim));
        EXPECT_EQ(step.headers[0].control, 0);
        for (const float value : step.mean) ASSERT_NE(value, -12345.0f);
        for (const float value : step.own[0]) ASSERT_NE(value, -12345.0f);
      }
    }
  }
}

TEST_P(EveryCompressor, BucketsDoNotChangeABit) {
  for (const Layout layout : {Layout{5000, 1}, Layout{1250, 4}, Layout{2, 2500}, Layout{1, 5000}}) {
    const auto compressor = make(GetParam(), layout, 3);
    const auto run = [&](std::int64_t bucket, bool backwards) {
      Session session(*compressor, 3);
      std::vector<float> means;
      for (std::uint64_t s = 0; s < 3; ++s) {  // more than one step: memory
        const auto step = session.step(gradients_of(3, layout.total(), 10 * s), 17 + s, bucket, true, backwards);
        means.insert(means.end(), step.mean.begin(), step.mean.end());
        for (const auto& own : step.own) means.insert(means.end(), own.begin(), own.end());
      }
      return means;
    };
    const auto whole = run(layout.total(), false);
    for (const std::int64_t bucket : {128, 256, 1024, 4992}) {
      EXPECT_TRUE(same_bits(whole, run(bucket, bucket == 256)))
          << "bucket " << bucket << ", " << layout.replicas << " replicas";
    }
  }
}

TEST_P(EveryCompressor, SameSeedSameBitsAndStepsAreIndependentCalls) {
  const Vectors gradients = gradients_of(2, 1000, 1);
  const auto first = round_trip(*make(GetParam(), 1000, 2, 5), gradients, 9, 1000);
  const auto second = round_trip(*make(GetParam(), 1000, 2, 5), gradients, 9, 1000);
  EXPECT_TRUE(same_bits(first.mean, second.mean));
  EXPECT_EQ(first.uplink, second.uplink);
  // Zeros would pass most of what follows.
  EXPECT_TRUE(std::any_of(first.mean.begin(), first.mean.end(), [](float x) { return x != 0; }));
}

TEST_P(EveryCompressor, TheAggregateIsTheMeanOfWhatTheAgentsDecodeThemselves) {
  for (const Layout layout : {Layout{777, 1}, Layout{7, 37}}) {
    for (const std::uint32_t agents : {1u, 2u, 5u, 40u}) {
      const auto compressor = make(GetParam(), layout, agents);
      if (!compressor->traits().averaged) GTEST_SKIP() << GetParam() << " is no mean";
      Session session(*compressor, agents);
      std::vector<double> history(static_cast<std::size_t>(layout.total()), 0.0);
      for (std::uint64_t s = 0; s < 3; ++s) {
        const auto step = session.step(gradients_of(agents, layout.total(), 50 * s), s, 256);
        for (std::size_t j = 0; j < step.mean.size(); ++j) {
          double sum = 0, magnitude = 0;
          for (const auto& own : step.own) {
            sum += double(own[j]);
            magnitude += std::abs(double(own[j]));
          }
          if (agents == 1 && roundoff() == 0) {
            ASSERT_EQ(step.mean[j], step.own[0][j]);
            continue;
          }
          // One rounding an addition, a few for scale and division; then the wire's, with half of fp16's smallest step,
          // 2^-24, which Rand-k (a quarter of the coordinates) scales by 4 once it arrived. What EF21 adds to its mean
          // is a difference of its agents' values, and the roundings of all steps add up.
          if (says("ef21")) magnitude = history[j] += 2 * magnitude;
          const double tolerance = (agents + 4) * 0x1p-23 * magnitude + roundoff() * magnitude;
          const double half_step = says("fp16") ? 0x1p-25 * (says("randk") ? 4 : 1) : 0;
          ASSERT_NEAR(step.mean[j], sum / agents, tolerance / agents + half_step + 1e-30)
              << "coordinate " << j << ", step " << s;
        }
      }
    }
  }
}

TEST_P(EveryCompressor, TheResidualIsWhatWasNotSent) {
  for (const Layout layout : {Layout{4999, 1}, Layout{7, 37}}) {
    const auto compressor = make(GetParam(), layout, 1);
    for (const float scale : {1.0f, 0.25f}) {
      const auto values = gradients_of(1, layout.total(), 3).front();
      const Bucket bucket{0, 0, layout.total()};
      Message message;
      std::vector<float> decoded(values.size());
      const auto encoder = compressor->encoder(0);
      encoder->begin_step(4, values);
      encoder->encode(bucket, values, message);
      auto residual = values;
      EXPECT_TRUE(AxpbyOf(*encoder)->subtract_own(bucket, residual, scale, message));
      encoder->decode_own(bucket, message, decoded);
      for (std::size_t j = 0; j < values.size(); ++j) ASSERT_EQ(residual[j], values[j] - scale * decoded[j]) << j;
    }
  }
}

TEST_P(EveryCompressor, AnAxpbyIsEncodedAsItsValues) {
  const std::int64_t d = 9999;
  for (const Layout layout : {Layout{d, 1}, Layout{33, 303}}) {
    const auto compressor = make(GetParam(), layout, 1);
    const bool whole = compressor->traits().whole_gradient;
    for (const float fault : {0.0f, std::nanf(""), INFINITY}) {
      for (const bool in_place : {false, true}) {
        auto gradient = gradients_of(1, d, 3).front();
        auto memory = gradients_of(1, d, 40).front();
        if (fault != 0) gradient[7777] = fault;
        std::vector<float> sum(gradient), made(gradient.size());
        for (std::size_t j = 0; j < sum.size(); ++j) sum[j] = 0.9f * memory[j] + 0.1f * gradient[j];
        const kernels::Axpby axpby{gradient, memory, 0.1f, 0.9f};
        const std::span<float> p(in_place ? memory : made);
        const auto fused = compressor->encoder(0), plain = compressor->encoder(0);
        plain->begin_step(5, sum);
        whole ? AxpbyOf(*fused)->begin_step_axpby(5, axpby, p, true) : fused->begin_step(5, {});
        std::size_t bytes = 0;
        for (const Bucket& bucket : buckets_of(*compressor, d, 4224)) {
          const auto first = static_cast<std::size_t>(bucket.begin), n = static_cast<std::size_t>(bucket.size());
          Message one, two;
          if (whole) {
            fused->encode(bucket, p.subspan(first, n), one);
          } else {
            AxpbyOf(*fused)->encode_axpby(bucket, axpby.part(first, n), p.subspan(first, n), one);
          }
          plain->encode(bucket, std::span(sum).subspan(first, n), two);
          EXPECT_EQ(one.payload, two.payload);
          EXPECT_EQ(std::memcmp(&one.header, &two.header, sizeof(Header)), 0);
          bytes += one.payload.size();
        }
        EXPECT_GT(bytes, 0u);
        for (std::size_t j = 0; j < sum.size(); ++j) ASSERT_TRUE(p[j] == sum[j] || std::isnan(sum[j])) << j;
      }
    }
  }
}

TEST_P(EveryCompressor, WithoutUndoTheBitsAreTheSame) {
  CompressorSetup setup{{1000, 1}, 1, 2};
  const auto with = CompressorRegistry::instance().make(GetParam(), setup);
  setup.undo = false;
  const auto without = CompressorRegistry::instance().make(GetParam(), setup);
  Session one(*with, 2), two(*without, 2);
  for (std::uint64_t s = 0; s < 4; ++s) {
    const auto gradients = gradients_of(2, 1000, 10 * s);
    const auto a = one.step(gradients, s, 256), b = two.step(gradients, s, 256);
    EXPECT_TRUE(same_bits(a.mean, b.mean)) << "step " << s;
    if (s == 1) continue;  // what is remembered may be looked at between steps or not
    for (std::size_t agent = 0; agent < 2; ++agent) {
      const auto p = state_of(*one.encoders[agent]), q = state_of(*two.encoders[agent]);
      ASSERT_EQ(p.size(), q.size());
      for (std::size_t i = 0; i < p.size(); ++i) {
        EXPECT_EQ(p[i].name, q[i].name);
        ASSERT_EQ(p[i].values.size(), q[i].values.size());
        for (std::size_t j = 0; j < p[i].values.size(); ++j) ASSERT_EQ(p[i].values[j], q[i].values[j]) << j;
      }
    }
  }
}

TEST_P(EveryCompressor, WhatLiesThereIsWhatIsDecoded) {
  int taken = 0;
  for (const Layout layout : {Layout{5000, 1}, Layout{50, 100}}) {
    const auto compressor = make(GetParam(), layout, 2);
    Session session(*compressor, 2);
    const auto other = compressor->aggregator();
    for (std::uint64_t s = 0; s < 4; ++s) {
      auto gradients = gradients_of(2, layout.total(), 10 * s);
      if (s == 2) gradients[1][4321] = std::nanf("");
      for (std::size_t a = 0; a < 2; ++a) session.encoders[a]->begin_step(s, gradients[a]);
      session.aggregator->begin_step(s);
      other->begin_step(s);
      for (const Bucket& bucket : two_buckets(*compressor, layout.total(), 640)) {
        const auto first = static_cast<std::size_t>(bucket.begin), n = static_cast<std::size_t>(bucket.size());
        std::vector<Message> messages(2);
        std::vector<MessageView> views;
        for (std::size_t a = 0; a < 2; ++a) {
          session.encoders[a]->encode(bucket, std::span(gradients[a]).subspan(first, n), messages[a]);
          views.push_back(view(messages[a]));
        }
        Message aggregate;
        session.aggregator->aggregate(bucket, views, aggregate);
        aggregate.header.nonfinite = s == 2;
        std::vector<float> mean(n);
        session.aggregator->decode(bucket, view(aggregate), mean);
        const auto plain = dense_view(*other, bucket, view(aggregate));
        if (plain.empty()) {
          other->decode(bucket, view(aggregate), mean);
          continue;
        }
        ++taken;
        ASSERT_EQ(plain.size(), n);
        for (std::size_t j = 0; j < n; ++j) {
          ASSERT_TRUE(plain[j] == mean[j] || std::isnan(mean[j])) << "step " << s << ", coordinate " << j;
        }
      }
      const auto p = state_of(*session.aggregator), q = state_of(*other);
      ASSERT_EQ(p.size(), q.size());
      for (std::size_t i = 0; i < p.size(); ++i) {
        ASSERT_EQ(p[i].values.size(), q[i].values.size());
        for (std::size_t j = 0; j < p[i].values.size(); ++j) ASSERT_EQ(p[i].values[j], q[i].values[j]) << j;
      }
    }
  }
  if (taken == 0) GTEST_SKIP() << GetParam() << " has no dense_view";
}

TEST_P(EveryCompressor, ListsOfCoordinatesAreWhatIsDecoded) {
  int taken = 0;
  for (const Layout layout : {Layout{5000, 1}, Layout{50, 100}}) {
    const auto compressor = make(GetParam(), layout, 2);
    Session session(*compressor, 2);
    const auto gradients = gradients_of(2, layout.total(), 3);
    for (std::size_t a = 0; a < 2; ++a) session.encoders[a]->begin_step(4, gradients[a]);
    session.aggregator->begin_step(4);
    const bool cut = 1024 % compressor->traits().bucket_unit == 0;
    const Bucket bucket{0, cut ? 1024 : 0, cut ? 4096 : layout.total()};
    std::vector<Message> messages(2);
    std::vector<MessageView> views;
    const auto compare = [&](const std::optional<SparseValues>& sparse, const std::vector<float>& dense) {
      ++taken;
      std::vector<float> listed(dense.size(), 0.0f);
      for (std::size_t i = 0; i < sparse->indices.size(); ++i) listed.at(static_cast<std::size_t>(sparse->indices[i] - bucket.begin)) = sparse->values[i];
      EXPECT_TRUE(same_bits(listed, dense));
    };
    std::vector<float> dense(static_cast<std::size_t>(bucket.size()));
    for (std::size_t a = 0; a < 2; ++a) {
      session.encoders[a]->encode(bucket, part_of(std::span(gradients[a]), bucket), messages[a]);
      views.push_back(view(messages[a]));
      session.encoders[a]->decode_own(bucket, messages[a], dense);
      const auto sparse = decode_own_sparse(*session.encoders[a], bucket, messages[a]);
      if (sparse) compare(sparse, dense);
    }
    Message aggregate;
    session.aggregator->aggregate(bucket, views, aggregate);
    if (!decode_sparse(*session.aggregator, bucket, view(aggregate))) continue;
    session.aggregator->decode(bucket, view(aggregate), dense);
    compare(decode_sparse(*session.aggregator, bucket, view(aggregate)), dense);
  }
  if (taken == 0) GTEST_SKIP() << GetParam() << " has no decode_sparse and no decode_own_sparse";
}

TEST_P(EveryCompressor, DecodeAxpyIsDecodingAndSubtracting) {
  int taken = 0;
  for (const Layout layout : {Layout{9999, 1}, Layout{50, 100}}) {
    for (const std::uint32_t agents : {1u, 2u, 5u}) {
      const auto compressor = make(GetParam(), layout, agents);
      Session session(*compressor, agents);
      const auto other = compressor->aggregator();
      auto x = normal_vector(static_cast<std::size_t>(layout.total()), 77);
      x[0] = -0.0f, x[1] = 0.0f, x[4999] = -0.0f, x[2048] = 1e-42f;
      auto updated = x;
      // The last step's mean has NaN, of which one is as good as another, and inf.
      for (const std::uint64_t step : {3u, 4u, 5u}) {
        auto gradients = gradients_of(agents, layout.total(), 10 * step);
        for (auto& gradient : gradients) std::fill_n(gradient.begin(), 700, 0.0f);  // as of a dead unit
        if (step == 5) {
          gradients[0][3] = std::nanf(""), gradients[0][4990] = -INFINITY, gradients[agents - 1][800] = INFINITY;
        }
        for (std::size_t a = 0; a < agents; ++a) session.encoders[a]->begin_step(step, gradients[a]);
        session.aggregator->begin_step(step);
        other->begin_step(step);
        for (const Bucket& bucket : two_buckets(*compressor, layout.total(), 640)) {
          const auto part = [&](auto& values) {
            return part_of(std::span(values), bucket);
          };
          std::vector<Message> messages(agents);
          std::vector<MessageView> views;
          for (std::size_t a = 0; a < agents; ++a) {
            session.encoders[a]->encode(bucket, part(gradients[a]), messages[a]);
            views.push_back(view(messages[a]));
          }
          Message aggregate;
          session.aggregator->aggregate(bucket, views, aggregate);
          std::vector<float> mean(part(x).size());
          session.aggregator->decode(bucket, view(aggregate), mean);
          for (std::size_t j = 0; j < mean.size(); ++j) part(x)[j] -= 0.3f * mean[j];
          if (decode_axpy(*other, bucket, view(aggregate), 0.3f, part(updated))) {
            ++taken;
          } else {
            other->decode(bucket, view(aggregate), mean);
            for (std::size_t j = 0; j < mean.size(); ++j) part(updated)[j] -= 0.3f * mean[j];
          }
        }
        for (std::size_t j = 0; j < x.size(); ++j) {
          if (std::isnan(x[j]) && std::isnan(updated[j])) x[j] = updated[j] = 0;
        }
        ASSERT_TRUE(same_bits(updated, x)) << agents << " agents, step " << step;
      }
    }
  }
  if (taken == 0) GTEST_SKIP() << GetParam() << " has no decode_axpy";
}

TEST_P(EveryCompressor, ZeroStaysZero) {
  if (says("zero=") || says("plus") || says("random")) GTEST_SKIP() << "asked for another sign(0)";
  const auto compressor = make(GetParam(), 300, 2);
  Session session(*compressor, 2);
  const Vectors zeros(2, std::vector<float>(300, 0.0f));
  for (std::uint64_t s = 0; s < 3; ++s) {
    for (const float x : session.step(zeros, s, 256).mean) ASSERT_EQ(x, 0.0f);
  }
}

TEST_P(EveryCompressor, NonfiniteCoordinatesAreCountedAndDoNotStay) {
  const auto compressor = make(GetParam(), 300, 1);
  auto v = normal_vector(300, 6);
  v[3] = std::nanf("");
  v[120] = INFINITY;
  v[299] = -INFINITY;
  Session session(*compressor, 1);
  EXPECT_EQ(session.step({v}, 0, 300).headers[0].nonfinite, 3u);
  const auto next = session.step({normal_vector(300, 7)}, 1, 300);
  EXPECT_EQ(next.headers[0].nonfinite, 0u);
  for (const float x : next.mean) EXPECT_TRUE(std::isfinite(x));
}

TEST_P(EveryCompressor, WhatIsNotCountedAsNonfiniteComesBackFinite) {
  // Finite gradients of any magnitude: what the wire's range cannot hold is counted, so that --nonfinite applies.
  const std::vector<float> magnitudes = {1,      65503,  65519.99f, 65520, 7e4f,    1e10f,
                                         1e30f, 1e35f, 8e37f,     1e38f, 1.8e38f, std::numeric_limits<float>::max()};
  for (const std::uint32_t agents : {1u, 3u}) {
    const auto compressor = make(GetParam(), 3000, agents);
    for (const float magnitude : magnitudes) {
      if (agents > 1 && magnitude > 1e35f) continue;  // float32 must hold the sum, of norms too
      Vectors gradients;
      for (std::uint32_t a = 0; a < agents; ++a) {
        gradients.push_back(std::vector<float>(3000, magnitude));
        for (std::size_t j = a; j < 3000; j += 2) gradients.back()[j] = -magnitude / 3;
      }
      Session session(*compressor, agents);
      for (std::uint64_t s = 0; s < 2; ++s) {
        const auto step = session.step(gradients, s, 1024);
        bool counted = false;
        for (const auto& header : step.headers) counted |= header.nonfinite > 0;
        // Below the wire's range nothing may be counted: what is counted is not compared.
        if (magnitude < 65504 || (!says("fp16") && magnitude <= 1e35f)) {
          EXPECT_FALSE(counted) << magnitude;
        }
        if (counted) break;  // of agent 0; the others' gradients are as large
        for (std::size_t j = 0; j < 3000; ++j) {
          ASSERT_TRUE(std::isfinite(step.mean[j])) << "coordinate " << j << " of " << magnitude << ", step " << s;
          ASSERT_TRUE(std::isfinite(step.own[0][j])) << "coordinate " << j << " of " << magnitude << ", step " << s;
        }
      }
    }
  }
}

TEST_P(EveryCompressor, StateCarriesOn) {
  // A run whose state is copied to new encoders after two steps, and one that goes on: the same bits.
  const auto compressor = make(GetParam(), 500, 2);
  Session going(*compressor, 2);
  for (std::uint64_t s = 0; s < 2; ++s) going.step(gradients_of(2, 500, 10 * s), s, 128);
  Session resumed(*compressor, 2);
  copy_memory(going, resumed, buckets_of(*compressor, 500, 128));
  for (std::uint64_t s = 2; s < 4; ++s) {
    const auto gradients = gradients_of(2, 500, 10 * s);
    EXPECT_TRUE(same_bits(going.step(gradients, s, 128).mean, resumed.step(gradients, s, 256).mean));
  }
}

TEST_P(EveryCompressor, ADiscardedStepLeavesNoTrace) {
  const auto compressor = make(GetParam(), 500, 2);
  Session plain(*compressor, 2), disturbed(*compressor, 2);
  for (std::uint64_t s = 0; s < 3; ++s) {
    if (s > 0) {
      auto bad = gradients_of(2, 500, 1000 + s);
      bad[1][17] = std::nanf("");
      disturbed.step(bad, 100 + s, 128, false);
      for (auto& encoder : disturbed.encoders) {
        if (EncoderMemory* memory = encoder->memory()) memory->discard_step();
      }
      if (RootMemory* memory = disturbed.aggregator->root_memory()) memory->discard_step();
    }
    const auto gradients = gradients_of(2, 500, 10 * s);
    EXPECT_TRUE(same_bits(plain.step(gradients, s, 128).mean, disturbed.step(gradients, s, 128).mean)) << "step " << s;
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryCompressor, ::testing::ValuesIn(tested_specs()), test_name);

}  // namespace
}  // namespace tersegrad::testing
