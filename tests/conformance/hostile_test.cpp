// Damaged payloads behind headers that passed their checks: refused, or decoded to something, never worse.
#include "conformance/conformance.hpp"
#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"

namespace tersegrad::testing {
namespace {

class DamagedPayloads : public Conformance {};

TEST_P(DamagedPayloads, TruncatedOrPaddedPayloadsAreRefused) {
  const std::int64_t dim = 256;
  for (const std::uint32_t agents : {1u, 2u}) {
    const auto compressor = make(GetParam(), dim, agents);
    const auto v = normal_vector(256, 8);
    const auto aggregator = compressor->aggregator();
    aggregator->begin_step(1);
    const Bucket bucket{0, 0, dim};
    std::vector<Message> messages(agents);
    Message aggregate;
    std::vector<MessageView> views;
    for (std::uint32_t a = 0; a < agents; ++a) {
      const auto encoder = compressor->encoder(a);
      encoder->begin_step(1, v);
      encoder->encode(bucket, v, messages[a]);
      views.push_back(view(messages[a]));
    }
    ASSERT_FALSE(messages[0].payload.empty());
    for (const int change : {-1, 1}) {
      Message bad = messages[0];
      bad.payload.resize(bad.payload.size() + static_cast<std::size_t>(change));
      bad.header.payload_bytes = bad.payload.size();
      auto with_bad = views;
      with_bad[0] = view(bad);
      EXPECT_THROW(aggregator->aggregate(bucket, with_bad, aggregate), Error) << change;
    }
    aggregator->aggregate(bucket, views, aggregate);
    ASSERT_FALSE(aggregate.payload.empty());
    aggregate.payload.pop_back();
    std::vector<float> mean(256);
    EXPECT_THROW(aggregator->decode(bucket, view(aggregate), mean), Error);
  }
}

TEST_P(DamagedPayloads, RandomBytesAreRefusedOrDecodedNeverWorse) {
  const std::int64_t dim = 200;
  const std::uint32_t agents = 2;
  const auto compressor = make(GetParam(), dim, agents);
  const Bucket bucket{0, 0, dim};
  const auto aggregator = compressor->aggregator();
  aggregator->begin_step(1);
  std::vector<Message> good(agents);
  for (std::uint32_t a = 0; a < agents; ++a) {
    const auto encoder = compressor->encoder(a);
    const auto v = gradients_of(agents, dim, 4)[a];
    encoder->begin_step(1, v);
    encoder->encode(bucket, v, good[a]);
  }
  Message aggregate;
  const MessageView views[] = {view(good[0]), view(good[1])};
  aggregator->aggregate(bucket, views, aggregate);
  Sequence random({.seed = 99});
  const auto spoil = [&](Message message) {
    auto& header = message.header;
    if (random.below(3) == 0) message.payload.resize(random.below(compressor->max_payload_bytes(bucket) + 1));
    header.payload_bytes = random.below(20) == 0 ? random.next64() : message.payload.size();
    if (random.below(3) == 0) header.flags = static_cast<std::uint8_t>(random.below(256));
    if (random.below(3) == 0) header.k = random.below(2) == 0 ? random.next64() : random.below(300);
    const std::uint64_t changes = random.below(2) == 0 ? random.below(4) : message.payload.size();
    for (std::uint64_t c = 0; c < changes && !message.payload.empty(); ++c) {
      message.payload[random.below(message.payload.size())] = static_cast<std::byte>(random.below(256));
    }
    return message;
  };
  std::vector<float> mean(static_cast<std::size_t>(dim));
  int decoded = 0, refused = 0;
  for (int i = 0; i < 400; ++i) {
    const Message bad = spoil(good[0]), worse = spoil(aggregate);
    Message out;
    try {
      const MessageView two[] = {view(bad), view(good[1])};
      aggregator->aggregate(bucket, two, out);
      EXPECT_LE(out.payload.size(), compressor->max_payload_bytes(bucket));
      aggregator->decode(bucket, view(out), mean);
      ++decoded;
    } catch (const Error&) {
      ++refused;
    }
    try {
      aggregator->decode(bucket, view(worse), mean);
      ++decoded;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(decoded, 0);
  EXPECT_GT(refused, 0);
}

/// A sum that no so many agents can give: of a right length, and wrong all the same.
TEST(SumsOfSigns, BeyondTheAgentsAreRefused) {
  const Bucket bucket{0, 0, 100};
  const auto compressor = make("sign", 100, 4);
  const auto aggregator = compressor->aggregator();
  aggregator->begin_step(1);
  const auto full = [&](std::uint32_t agents, int planes, std::uint8_t flags) {
    Message message;
    message.payload.resize(static_cast<std::size_t>(13 * planes));
    std::fill(message.payload.begin(), message.payload.end(), std::byte{0});
    message.header.payload_bytes = message.payload.size();
    message.header.agent = agents;
    message.header.flags = flags;
    return message;
  };
  std::vector<float> mean(100);
  for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{flag_zeros}}) {
    const int planes = flags == 0 ? 3 : 4;  // of up to 4, or 8
    Message sum = full(4, planes, flags);
    const auto top = static_cast<std::size_t>(13 * (planes - 1));
    sum.payload[top + 7] = std::byte{1};  // coordinate 56: just what is possible
    EXPECT_NO_THROW(aggregator->decode(bucket, view(sum), mean));
    EXPECT_EQ(mean[56], 1.0f);
    sum.payload[7] = std::byte{1};  // one more
    EXPECT_THROW(aggregator->decode(bucket, view(sum), mean), Error);

    Message half = full(2, flags == 0 ? 2 : 3, flags), out;
    const MessageView pair[] = {view(half), view(half)};
    EXPECT_NO_THROW(aggregator->partial_sums()->join_partials(bucket, pair, out));
    half.payload[7] = half.payload[13 + 7] = half.payload[half.payload.size() - 6] = std::byte{1};
    const MessageView beyond[] = {view(half), view(half)};
    EXPECT_THROW(aggregator->partial_sums()->join_partials(bucket, beyond, out), Error);
  }
  // Groups that are not all agents, or more.
  Message one = full(1, 1, 0), three = full(3, 2, 0), out;
  const MessageView all[] = {view(one), view(three)}, few[] = {view(three)}, many[] = {view(three), view(three)};
  EXPECT_NO_THROW(aggregator->partial_sums()->join_partials(bucket, all, out));
  EXPECT_THROW(aggregator->partial_sums()->join_partials(bucket, few, out), Error);
  EXPECT_THROW(aggregator->partial_sums()->join_partials(bucket, many, out), Error);
}

INSTANTIATE_TEST_SUITE_P(Registry, DamagedPayloads, ::testing::ValuesIn(tested_specs()), test_name);

}  // namespace
}  // namespace tersegrad::testing
