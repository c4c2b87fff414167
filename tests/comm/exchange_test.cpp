// Every strategy against the serial twin: same bits for any number of ranks and any bucket size, bytes as counted.
#include "tersegrad/comm/exchange.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "compress/round_trip.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;

constexpr std::int64_t dim = 3001;

std::vector<std::vector<float>> gradients_of(std::uint32_t agents) {
  std::vector<std::vector<float>> gradients;
  for (std::uint32_t a = 0; a < agents; ++a) {
    gradients.push_back(normal_vector(dim, 50 + a));
    for (std::size_t j = a; j < 200; j += 3) gradients.back()[j] = 0;
  }
  return gradients;
}

/// Ranks this strategy cannot run on here, as a reason; empty if it can.
std::string unsuited(const std::string& exchange, const Communicator& world, std::uint32_t agents) {
  const int hosts = exchange == "server" ? world.size() - 1 : world.size();
  if (hosts < 1) return "too few ranks";
  if (static_cast<int>(agents) < hosts) return "more ranks than agents";
  return "";
}

struct Outcome {
  std::vector<float> mean;
  Traffic traffic;
  float loss = 0;
  std::uint32_t nonfinite = 0;
  std::uint8_t flags = 0;
};

Outcome run(const Communicator& world, const std::string& name, const std::string& spec, std::uint32_t agents,
            std::int64_t bucket_size, const std::vector<std::vector<float>>& gradients, std::uint8_t control = 0) {
  const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, agents});
  const auto exchange = ExchangeRegistry::instance().make(name, ExchangeSetup{&world, agents});
  exchange->require(*compressor);
  const auto aggregator = compressor->aggregator();
  const std::uint64_t step = 21;
  aggregator->begin_step(step);
  Outcome out;
  out.mean.assign(dim, -7.0f);
  const auto& map = exchange->map();
  std::vector<std::unique_ptr<Encoder>> encoders;
  for (auto a = map.begin(world.rank()); a < map.end(world.rank()); ++a) {
    encoders.push_back(compressor->encoder(a));
    encoders.back()->begin_step(step, gradients[a]);
  }
  std::uint32_t index = 0;
  for (std::int64_t begin = 0; begin < dim; begin += bucket_size, ++index) {
    const Bucket bucket{index, begin, std::min(begin + bucket_size, dim)};
    std::vector<Message> messages(encoders.size());
    for (std::size_t i = 0; i < encoders.size(); ++i) {
      const auto agent = map.begin(world.rank()) + static_cast<std::uint32_t>(i);
      encoders[i]->encode(bucket, std::span(gradients[agent]).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(bucket.size())),
                          messages[i]);
      Header& header = messages[i].header;
      header.step = step;
      header.bucket = index;
      header.agent = agent;
      header.compressor = compressor_id(compressor->name());
      header.dim = static_cast<std::uint64_t>(bucket.size());
      header.loss = static_cast<float>(agent);
      header.flags |= control;
    }
    Message aggregate;
    exchange->run({step, bucket, compressor.get(), messages, control}, *aggregator, aggregate, out.traffic);
    aggregator->decode(bucket, view(aggregate), std::span(out.mean).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(bucket.size())));
    out.loss = aggregate.header.loss;
    out.nonfinite = std::max(out.nonfinite, aggregate.header.nonfinite);
    out.flags |= aggregate.header.flags;
  }
  return out;
}

TEST(Exchange, SameBitsAsTheSerialTwin) {
  const Communicator world(MPI_COMM_WORLD);
  int ran = 0;
  for (const auto& name : ExchangeRegistry::instance().names()) {
    if (name == "mpi-allreduce") continue;  // promises no order
    for (const std::string spec : {"none", "sign", "sign:random", "randk:0.1", "none:fp16"}) {
      if (name == "allreduce" && spec != "none") continue;
      for (const std::uint32_t agents : {1u, 4u, 7u}) {
        if (!unsuited(name, world, agents).empty()) continue;
        const auto gradients = gradients_of(agents);
        const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, agents});
        const auto expected = testing::round_trip(*compressor, gradients, 21, dim);
        for (const std::int64_t bucket : {dim, std::int64_t{1024}, std::int64_t{128}}) {
          const auto got = run(world, name, spec, agents, bucket, gradients);
          EXPECT_EQ(std::memcmp(got.mean.data(), expected.mean.data(), 4 * dim), 0)
              << name << " " << spec << " " << agents << " agents, buckets of " << bucket;
          EXPECT_FLOAT_EQ(got.loss, static_cast<float>(agents - 1) / 2);
          ++ran;
        }
      }
    }
  }
  if (world.size() > 1) {
    EXPECT_GT(ran, 0);
  }
}

TEST(Exchange, BytesAreCountedExactly) {
  const Communicator world(MPI_COMM_WORLD);
  const std::uint32_t agents = 7;
  const auto gradients = gradients_of(agents);
  const std::int64_t buckets = (dim + 1023) / 1024;
  if (unsuited("server", world, agents).empty()) {
    for (const std::string spec : {"none", "sign", "randk:0.1"}) {
      const auto compressor = CompressorRegistry::instance().make(spec, CompressorSetup{{dim, 1}, 3, agents});
      const auto twin = testing::round_trip(*compressor, gradients, 21, 1024);
      const auto got = run(world, "server", spec, agents, 1024, gradients);
      if (world.rank() != 0) continue;  // complete on rank 0
      std::int64_t up = 0;
      for (const auto bytes : twin.uplink) up += static_cast<std::int64_t>(bytes);
      EXPECT_EQ(got.traffic.uplink.payload, up) << spec;
      EXPECT_EQ(got.traffic.uplink.header, 64 * agents * buckets);
      EXPECT_EQ(got.traffic.downlink.payload, static_cast<std::int64_t>(agents * twin.downlink)) << spec;
      EXPECT_EQ(got.traffic.downlink.header, 64 * agents * buckets);
    }
  }
  if (unsuited("allreduce", world, agents).empty()) {
    const auto got = run(world, "allreduce", "none", agents, dim, gradients);
    EXPECT_EQ(got.traffic.uplink.payload, 4 * dim * (world.size() - 1));  // 2(P − 1)/P·4d a rank, both ways
    EXPECT_EQ(got.traffic.downlink.payload, 4 * dim * (world.size() - 1));
  }
}

TEST(Exchange, MpiAllReduceIsTheMeanUpToRounding) {
  const Communicator world(MPI_COMM_WORLD);
  const std::uint32_t agents = 7;
  const auto gradients = gradients_of(agents);
  const auto got = run(world, "mpi-allreduce", "none", agents, dim, gradients);
  for (std::size_t j = 0; j < dim; ++j) {
    double sum = 0, size = 0;
    for (const auto& g : gradients) {
      sum += double(g[j]);
      size += std::abs(double(g[j]));
    }
    EXPECT_NEAR(double(got.mean[j]), sum / agents, size * agents * 0x1p-24);  // each of N additions rounds once
  }
}

TEST(Exchange, NonfiniteAndControlFlagsReachEveryRank) {
  const Communicator world(MPI_COMM_WORLD);
  const std::uint32_t agents = 7;
  auto gradients = gradients_of(agents);
  gradients[3][5] = INFINITY;
  gradients[5][2000] = std::nanf("");
  for (const std::string name : {"server", "allreduce"}) {
    if (!unsuited(name, world, agents).empty()) continue;
    // Only the last rank is asked to stop; with a server, then only rank 0, which has no agents.
    for (const int asked : {world.size() - 1, 0}) {
      const auto got = run(world, name, "none", agents, dim, gradients, world.rank() == asked ? flag_stop : 0);
      EXPECT_EQ(got.nonfinite, 2u);
      EXPECT_EQ(got.flags & control_flags, flag_stop) << name << " asked " << asked;
    }
  }
}

TEST(Exchange, RefusesWhatItCannotCarry) {
  const Communicator world(MPI_COMM_WORLD);
  const auto sign = CompressorRegistry::instance().make("sign", CompressorSetup{{dim, 1}, 3, 7});
  EXPECT_THROW(ExchangeRegistry::instance().make("allreduce", ExchangeSetup{&world, 7})->require(*sign), Error);
  if (world.size() == 1) {
    EXPECT_THROW(ExchangeRegistry::instance().make("server", ExchangeSetup{&world, 7}), Error);
  }
}

}  // namespace
}  // namespace tersegrad
