// What each strategy counts, against its formula; and what a merging rank holds.
#include "tersegrad/comm/exchange/traffic.hpp"

#include <gtest/gtest.h>

#include "comm/exchange/exchange_run.hpp"
#include "support/world.hpp"
#include "tersegrad/comm/exchange/receive_slots.hpp"

namespace tersegrad {
namespace {

using namespace testing;

constexpr std::int64_t dim = 3001, bucket_size = 512;

/// Payload bytes [bucket][agent] and [bucket] of a step without MPI.
struct Sizes {
  std::vector<std::vector<std::int64_t>> messages;
  std::vector<std::int64_t> aggregates;
};

Sizes sizes_of(const std::string& spec, const std::vector<std::vector<float>>& gradients) {
  const auto agents = static_cast<std::uint32_t>(gradients.size());
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, agents});
  const auto aggregator = compressor->aggregator();
  std::vector<std::unique_ptr<Encoder>> encoders;
  Sizes sizes;
  for (std::uint32_t a = 0; a < agents; ++a) {
    encoders.push_back(compressor->encoder(a));
    encoders.back()->begin_step(21, gradients[a]);
  }
  aggregator->begin_step(21);
  for (const auto& bucket : cut(dim, bucket_size, unit_of(*compressor))) {
    std::vector<Message> messages(agents);
    std::vector<MessageView> views;
    auto& row = sizes.messages.emplace_back();
    for (std::uint32_t a = 0; a < agents; ++a) {
      encoders[a]->encode(bucket, part(gradients[a], bucket), messages[a]);
      row.push_back(static_cast<std::int64_t>(messages[a].payload.size()));
      views.push_back(view(messages[a]));
    }
    Message aggregate;
    aggregator->aggregate(bucket, views, aggregate);
    sizes.aggregates.push_back(static_cast<std::int64_t>(aggregate.payload.size()));
  }
  return sizes;
}

void expect(const Communicator& world, const std::string& exchange, const std::string& spec, const Traffic& expected) {
  const std::uint32_t agents = enough_agents(world);
  const auto got =
      run_step(world, {exchange, spec, agents, bucket_size, Order::backward}, gradients_of(agents, dim)).traffic;
  if (world.rank() != 0) return;  // complete on rank 0
  EXPECT_EQ(got.uplink.payload, expected.uplink.payload) << exchange << " " << spec;
  EXPECT_EQ(got.uplink.header, expected.uplink.header) << exchange << " " << spec;
  EXPECT_EQ(got.downlink.payload, expected.downlink.payload) << exchange << " " << spec;
  EXPECT_EQ(got.downlink.header, expected.downlink.header) << exchange << " " << spec;
  EXPECT_EQ(got.within_nodes, expected.within_nodes) << exchange << " " << spec;
}

TERSEGRAD_WORLD_TEST(TrafficTest, EveryStrategyCountsWhatItSends) {
  const int ranks = world.size();
  const std::uint32_t agents = enough_agents(world);
  const AgentMap map(agents, 0, ranks);
  const auto& gradients = gradients_of(agents, dim);
  for (const std::string spec : {"none", "sign", "randk:0.1"}) {
    const auto sizes = sizes_of(spec, gradients);
    Traffic server, sharded, allgather;
    for (std::size_t b = 0; b < sizes.messages.size(); ++b) {
      for (std::uint32_t a = 0; a < agents; ++a) {
        const auto bytes = sizes.messages[b][a];
        server.uplink.add(bytes, 64);
        if (map.owner(a) != static_cast<int>(b) % ranks) sharded.uplink.add(bytes, 64);
        allgather.uplink.add((ranks - 1) * bytes, (ranks - 1) * 64);
      }
      server.downlink.add(agents * sizes.aggregates[b], agents * 64);
      sharded.downlink.add((ranks - 1) * sizes.aggregates[b], (ranks - 1) * 64);
    }
    if (ranks > 1) expect(world, "server", spec, server);
    expect(world, "sharded", spec, sharded);
    expect(world, "allgather", spec, allgather);
  }
}

TERSEGRAD_WORLD_TEST(TrafficTest, LocalSendsOnePartialSumFromANode) {
  // Without zeros every size is known: a plane is ⌈n/8⌉ bytes, a sum of m signs takes ⌈log2(m + 1)⌉ planes.
  const auto planes = [](std::int64_t m) {
    std::int64_t bits = 1;
    while ((std::int64_t{1} << bits) <= m) ++bits;
    return bits;
  };
  const int ranks = world.size();
  const std::uint32_t agents = enough_agents(world);
  std::vector<std::vector<float>> gradients;
  for (std::uint32_t a = 0; a < agents; ++a) gradients.push_back(normal_vector(dim, a));
  const AgentMap map(agents, 0, ranks);
  for (const int per_node : {1, 2, 3}) {
    const int nodes = (ranks + per_node - 1) / per_node;
    Traffic expected;
    for (const auto& bucket : cut(dim, bucket_size)) {
      const std::int64_t plane = (bucket.size() + 7) / 8;
      for (int node = 0; node < nodes; ++node) {
        const int first = node * per_node, end = std::min(ranks, first + per_node);
        const std::int64_t in_node = map.begin(end) - map.begin(first), not_leading = in_node - map.count(first);
        expected.uplink.add(not_leading * plane, not_leading * 64);
        expected.within_nodes += not_leading * (plane + 64);
        const bool serves = node == static_cast<int>(bucket.index) % nodes;
        if (!serves) expected.uplink.add(planes(in_node) * plane, (1 + in_node) * 64);
      }
      const std::int64_t aggregate = planes(agents) * plane;
      expected.downlink.add((ranks - 1) * aggregate, (ranks - 1) * 64);
      expected.within_nodes += (ranks - nodes) * (aggregate + 64);
    }
    const auto got = run_step(world, {concat("local:", per_node), "sign", agents, bucket_size}, gradients).traffic;
    if (world.rank() != 0) continue;
    EXPECT_EQ(got.uplink.payload, expected.uplink.payload) << per_node;
    EXPECT_EQ(got.uplink.header, expected.uplink.header) << per_node;
    EXPECT_EQ(got.downlink.payload, expected.downlink.payload) << per_node;
    EXPECT_EQ(got.downlink.header, expected.downlink.header) << per_node;
    EXPECT_EQ(got.within_nodes, expected.within_nodes) << per_node;
  }
}

TERSEGRAD_WORLD_TEST(TrafficTest, AllReduce) {
  const std::int64_t buckets = (dim + bucket_size - 1) / bucket_size, others = world.size() - 1;
  const std::uint32_t agents = enough_agents(world);
  Traffic expected;
  expected.uplink.add(4 * dim * others, 64 * agents * buckets * others);  // 2(P − 1)/P·4d a rank, both ways
  expected.downlink.add(4 * dim * others, 0);
  expect(world, "mpi-allreduce", "none", expected);
  expected.uplink.add(0, 64 * buckets * others);  // the running sums' own: one segment a bucket
  expected.downlink.add(0, 64 * buckets * others);
  expect(world, "allreduce", "none", expected);
}

TERSEGRAD_WORLD_TEST(TrafficTest, AMergingRankHoldsAFewBucketsNotAllOfThem) {
  if (world.size() < 2) GTEST_SKIP() << "nothing is received on one rank";
  const std::uint32_t agents = enough_agents(world);
  // 64 buckets of 64 KiB an agent; less where all ranks' are in one process
  const std::int64_t size = world.size() > 5 ? 1 << 11 : 1 << 14, many = 64 * size;
  const auto& gradients = gradients_of(agents, many);
  for (const std::string name : {"server", "sharded", "allgather"}) {
    const auto peak = run_step(world, {name, "none", agents, size}, gradients).peak_buffer_bytes;
    EXPECT_LE(peak, ReceiveSlots::count * agents * size * 4) << name;
    const bool merges = name != "server" || world.rank() == 0;
    EXPECT_EQ(peak > 0, merges) << name;
  }
}

}  // namespace
}  // namespace tersegrad
