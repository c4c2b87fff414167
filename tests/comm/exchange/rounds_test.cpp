// Methods with several rounds through every strategy: the bits of one process.
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <set>

#include "comm/exchange/exchange_run.hpp"
#include "support/world.hpp"

namespace tersegrad {
namespace {

using namespace testing;

/// Two matrices and a vector.
ParameterLayout model() {
  return {Layout{24 * 40 + 9 + 30 * 20, 1}, {{"a.weight", {24, 40}, 0}, {"a.bias", {9}, 960}, {"b.weight", {30, 20}, 969}}};
}

constexpr std::uint64_t steps = 3;  // memory of the agents matters from the second on

/// The mean of the last step, or nothing where the strategy cannot carry the method.
std::vector<float> run_rounds(const Communicator& world, const std::string& name, const std::string& spec, std::uint32_t agents,
                              std::int64_t bucket_size) {
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{model(), 3, agents});
  const auto exchange = ExchangeRegistry::instance().make(name, ExchangeSetup{&world, agents});
  try {
    exchange->require(*compressor);
  } catch (const Error&) {
    return {};
  }
  const auto aggregator = compressor->aggregator();
  const auto& gradients = gradients_of(agents, model().total());
  const auto first = exchange->map().begin(world.rank()), end = exchange->map().end(world.rank());
  std::vector<std::unique_ptr<Encoder>> encoders;
  for (auto a = first; a < end; ++a) encoders.push_back(compressor->encoder(a));
  std::vector<float> mean(static_cast<std::size_t>(model().total()));
  for (std::uint64_t step = 1; step <= steps; ++step) {
    for (std::size_t i = 0; i < encoders.size(); ++i) encoders[i]->begin_step(step, gradients[first + i]);
    aggregator->begin_step(step);
    std::span<const float> result;
    std::deque<std::vector<Message>> messages;
    std::deque<Message> aggregates;  // stay until the update
    std::uint32_t index = 0;
    for (int round = 0; round < compressor->rounds()->count(); ++round) {
      for (auto& encoder : encoders) encoder->rounds()->begin_round(round, result);
      std::vector<Bucket> buckets;
      std::int64_t begin = 0;
      for (const RoundPart& part : compressor->rounds()->parts(round)) {
        for (const Bucket& cut : buckets_of(*compressor, part.length, bucket_size)) {
          buckets.push_back({index++, begin + cut.begin, begin + cut.end, round});
        }
        begin += part.length;
      }
      exchange->begin_step({step, compressor.get(), aggregator.get()});
      for (const Bucket& bucket : buckets) {
        auto& of_bucket = messages.emplace_back(encoders.size());
        for (std::size_t i = 0; i < encoders.size(); ++i) {
          encoders[i]->encode(bucket, {}, of_bucket[i]);
          identify(of_bucket[i].header, {MessageKind::uplink, step, bucket, first + static_cast<std::uint32_t>(i),
                                         compressor_id(compressor->name())});
        }
        exchange->start_bucket({bucket, of_bucket, &aggregates.emplace_back()});
      }
      Traffic traffic;
      exchange->finish_step(traffic);
      for (const Bucket& bucket : buckets) aggregator->rounds()->absorb(bucket, view(aggregates[bucket.index]));
      result = aggregator->rounds()->end_round(round);
    }
    aggregator->rounds()->update(mean);
  }
  return mean;
}

TERSEGRAD_WORLD_TEST(ExchangeOfRounds, SameBitsAsOneProcess) {
  std::set<std::string> carried;
  for (const std::string spec : {"powersgd:2", "per-layer:*bias=sign,powersgd:3"}) {
    for (const std::uint32_t agents : std::set{1u, 2u, 4u, enough_agents(world)}) {
      const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{model(), 3, agents});
      Session alone(*compressor, agents);
      std::vector<float> expected;
      for (std::uint64_t step = 1; step <= steps; ++step) {
        expected = alone.step(gradients_of(agents, model().total()), step, 1 << 20).mean;
      }
      for (const auto& name : strategies()) {
        if (!unsuited(name, world, agents).empty()) continue;
        for (const std::int64_t bucket : {1 << 20, 128}) {
          const auto mean = run_rounds(world, name, spec, agents, bucket);
          if (mean.empty()) continue;
          carried.insert(name + " " + spec);
          EXPECT_EQ(std::memcmp(mean.data(), expected.data(), 4 * mean.size()), 0)
              << name << " " << spec << " " << agents << " agents, buckets of " << bucket;
        }
      }
    }
  }
  for (const std::string name : {"allgather", "allreduce", "sharded"}) EXPECT_TRUE(carried.contains(name + " powersgd:2")) << name;
  EXPECT_FALSE(carried.contains("allreduce per-layer:*bias=sign,powersgd:3"));
}

}  // namespace
}  // namespace tersegrad
