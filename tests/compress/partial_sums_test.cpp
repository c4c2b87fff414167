// Partial sums (exchange `hierarchical`): however the agents are grouped, the joined sums are aggregate()'s, bit for bit.
#include <gtest/gtest.h>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;

/// N agents' messages of one bucket. \param zeros percent of coordinates that are 0 in all agents, and as many more in
/// every third agent \param full every fourth agent has none at all, so that groups with and without masks meet
struct Uplinks {
  std::unique_ptr<Compressor> compressor;
  std::unique_ptr<Aggregator> aggregator;
  std::vector<Message> messages;

  Uplinks(const std::string& spec, const Bucket& bucket, std::uint32_t agents, int zeros, bool full,
          std::uint64_t seed) {
    const std::int64_t dim = bucket.end + 3;
    compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 7, agents});
    aggregator = compressor->aggregator();
    aggregator->begin_step(5);
    messages.resize(agents);
    Sequence random({seed, Purpose::test, agents, 0});
    std::vector<bool> dead(static_cast<std::size_t>(dim));
    for (std::size_t j = 0; j < dead.size(); ++j) dead[j] = static_cast<int>(random.below(100)) < zeros;
    for (std::uint32_t a = 0; a < agents; ++a) {
      auto gradient = normal_vector(static_cast<std::size_t>(dim), seed + a);
      for (std::size_t j = 0; j < gradient.size(); ++j) {
        if (dead[j] || (a % 3 == 0 && static_cast<int>(random.below(100)) < zeros)) gradient[j] = 0;
      }
      if (full && a % 4 == 1) std::replace(gradient.begin(), gradient.end(), 0.0f, 1.0f);
      const auto encoder = compressor->encoder(a);
      encoder->begin_step(5, gradient);
      encoder->encode(bucket, part_of(std::span<const float>(gradient), bucket),
                      messages[a]);
    }
  }

  Message merged(const Bucket& bucket) {
    std::vector<MessageView> views;
    for (const auto& message : messages) views.push_back(view(message));
    Message out;
    aggregator->aggregate(bucket, views, out);
    return out;
  }

  /// \param group of each agent: any numbers
  Message joined(const Bucket& bucket, const std::vector<std::uint64_t>& group) {
    std::map<std::uint64_t, std::vector<MessageView>> groups;
    for (std::size_t a = 0; a < messages.size(); ++a) groups[group[a]].push_back(view(messages[a]));
    std::vector<Message> partials;
    for (const auto& [number, members] : groups) {
      aggregator->partial_sums()->aggregate_partial(bucket, members, partials.emplace_back());
      partials.back().header.agent = static_cast<std::uint32_t>(members.size());
      EXPECT_LE(partials.back().payload.size(), compressor->max_payload_bytes(bucket));
      EXPECT_EQ(partials.back().payload.size(), partials.back().header.payload_bytes);
    }
    std::vector<MessageView> views;
    for (const auto& partial : partials) views.push_back(view(partial));
    Message out;
    aggregator->partial_sums()->join_partials(bucket, views, out);
    return out;
  }
};

TEST(PartialSums, JoinToWhatMergeGivesHoweverAgentsAreGrouped) {
  const Bucket buckets[] = {{0, 0, 1}, {0, 0, 777}, {2, 256, 1280}};
  for (const std::string spec : {"sign", "sign:zero=plus", "majority", "majority:tie=plus", "majority:tie=minus",
                                 "majority:tie=zero", "majority:zero=random", "signum:0.9:majority"}) {
    for (const Bucket& bucket : buckets) {
      for (const std::uint32_t agents : {1u, 2u, 3u, 8u, 21u}) {
        for (const auto& [zeros, full] : {std::pair{0, false}, {2, false}, {30, false}, {30, true}, {100, false}}) {
          const auto seed = static_cast<std::uint64_t>(agents * 1000 + static_cast<unsigned>(zeros));
          Uplinks uplinks(spec, bucket, agents, zeros, full, seed);
          ASSERT_TRUE(uplinks.aggregator->partial_sums() != nullptr) << spec;
          const Message want = uplinks.merged(bucket);
          Sequence random({seed, Purpose::test, agents, 1});
          for (int turn = 0; turn < 4; ++turn) {
            std::vector<std::uint64_t> group(agents);
            for (auto& number : group) number = turn == 0 ? 0 : random.below(static_cast<std::uint32_t>(1 + 2 * turn));
            const Message got = uplinks.joined(bucket, group);
            ASSERT_EQ(got.header.flags, want.header.flags)
                << spec << ", " << agents << " agents, " << zeros << " zeros";
            ASSERT_TRUE(std::ranges::equal(got.payload, want.payload))
                << spec << ", " << agents << " agents, " << zeros << " % zeros, turn " << turn;
          }
        }
      }
    }
  }
}

/// Groups' masks of where nobody voted: one that is cut short, or beside counts that had no zeros, is no message.
TEST(PartialSums, MajoritysMaskIsNotTrusted) {
  const Bucket bucket{0, 0, 400};
  Uplinks uplinks("majority", bucket, 4, 100, false, 1);
  std::vector<MessageView> views;
  for (const auto& message : uplinks.messages) views.push_back(view(message));
  Message half;
  uplinks.aggregator->partial_sums()->aggregate_partial(bucket, std::span(views).first(2), half);
  half.header.agent = 2;
  ASSERT_NE(half.header.flags & flag_abstained, 0);
  const auto refused = [&](Message message) {
    Message out;
    const MessageView pair[] = {view(message), view(half)};
    try {
      uplinks.aggregator->partial_sums()->join_partials(bucket, pair, out);
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused(half));
  Message other = half;
  other.header.flags &= static_cast<std::uint8_t>(~flag_zeros);
  EXPECT_TRUE(refused(other)) << "all abstain, and nobody had a zero";
  other = half;
  other.header.flags &= static_cast<std::uint8_t>(~flag_abstained);
  EXPECT_TRUE(refused(other)) << "a mask that the header does not speak of";
  other = half;
  other.payload.resize(other.payload.size() - 1);
  other.header.payload_bytes = other.payload.size();
  EXPECT_TRUE(refused(other)) << "a mask cut short";
}

}  // namespace
}  // namespace tersegrad
