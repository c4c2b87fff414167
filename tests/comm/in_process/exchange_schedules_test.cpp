// Exchanges under schedules that no launcher would give: ranks slow at random, sends that wait for their receiver, a rank or a
// wire that fails in the middle.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "comm/exchange/exchange_run.hpp"
#include "support/in_process.hpp"
#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"

namespace tersegrad {
namespace {

using namespace testing;

TEST(ExchangeSchedules, SameBitsWheneverRanksGiveWayAndNothingIsLeftOver) {
  constexpr std::int64_t dim = 1900;  // 15 buckets: several times what a rank receives at once
  for (const std::string spec : {"none", "sign", "topk:0.25"}) {
    const std::uint32_t agents = 9;
    const auto& gradients = gradients_of(agents, dim);
    const auto expected = serial_twin(spec, gradients);
    for (const auto& name : strategies()) {
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        for (const int ranks : {2, 3, 8}) {
          const Sends sends = seed % 2 == 0 ? Sends::eager : Sends::synchronous;
          std::atomic<int> ran = 0;
          const auto end = run_in_process({.ranks = ranks, .sends = sends, .schedule = seed}, [&](const Communicator& world) {
            if (!carries(world, name, spec, agents, dim)) return;
            const auto order = seed > 2 ? Order::rotated : Order::backward;
            const auto got = run_step(world, {name, spec, agents, 128, order}, gradients);
            EXPECT_EQ(std::memcmp(got.mean.data(), expected.data(), 4 * dim), 0)
                << name << " " << spec << " on " << ranks << " ranks, schedule " << seed;
            ++ran;
          });
          for (const auto& error : end.errors) EXPECT_EQ(error, "") << name << " " << spec << ", schedule " << seed;
          EXPECT_EQ(end.unreceived, 0u) << name << " " << spec << ", schedule " << seed;
          EXPECT_TRUE(ran == 0 || ran == ranks);
          if (spec == "sign" && name != "allreduce") {
            EXPECT_EQ(ran, ranks) << name;
          }
        }
      }
    }
  }
}

/// Its buckets fail at once.
class FailingExchange final : public Exchange {
 public:
  FailingExchange(const ExchangeSetup& setup, bool of_the_link) : Exchange(setup), map_(1, 0, 1), of_the_link_(of_the_link) {}
  std::string name() const override { return "failing"; }
  const AgentMap& map() const override { return map_; }
  bool has_server() const override { return false; }
  void require(const Compressor&) const override {}

 private:
  std::unique_ptr<Flow> make_flow(const BucketJob&) override {
    if (of_the_link_) throw CommunicationError("the link is down");
    throw Error("a wrong header");
  }
  bool counted_on_root() const override { return true; }
  AgentMap map_;
  bool of_the_link_;
};

/// Nobody can be told over a link that is down, and what failed there is no other rank's doing: run_with_mpi ends the job at
/// once. What is wrong with a message is a PeerError, which rank 0 hears of first.
TEST(ExchangeSchedules, AFailureOfTheLinkStaysOneAndIsNotTakenForAPeers) {
  const auto end = run_in_process({.ranks = 1}, [](const Communicator& world) {
    for (const bool of_the_link : {true, false}) {
      FailingExchange exchange(ExchangeSetup{&world, 1}, of_the_link);
      exchange.begin_step({});
      if (of_the_link) {
        EXPECT_THROW(exchange.start_bucket({}), CommunicationError);
      } else {
        EXPECT_THROW(exchange.start_bucket({}), PeerError);
      }
    }
  });
  for (const auto& error : end.errors) EXPECT_EQ(error, "");
}

TEST(ExchangeSchedules, ARankThatFailsInTheMiddleEndsTheOthers) {
  constexpr std::int64_t dim = 1900;
  constexpr int ranks = 5;
  const auto& gradients = gradients_of(ranks, dim);
  for (const auto& name : strategies()) {
    const std::string spec = name == "allreduce" ? "none" : "sign";
    for (const int bad : {0, 1, ranks - 1}) {
      for (const Sends sends : {Sends::eager, Sends::synchronous}) {
        int sent = 0;  // by the bad rank
        InProcessOptions options{.ranks = ranks, .sends = sends, .schedule = 1};
        options.wire = [&](int from, int, int, std::vector<std::byte>&) {
          if (from == bad && ++sent == 2) throw std::runtime_error("disk full");
        };
        const auto end = run_in_process(options, [&](const Communicator& world) {
          run_step(world, {name, spec, ranks, 128, Order::forward}, gradients);
        });
        for (int rank = 0; rank < ranks; ++rank) {
          EXPECT_EQ(end.errors[static_cast<std::size_t>(rank)], rank == bad ? "disk full" : concat("rank ", bad, ": disk full"))
              << name << ", rank " << rank;
        }
      }
    }
  }
}

TEST(ExchangeSchedules, WhatOneRankSeesRankZeroSays) {
  constexpr std::int64_t dim = 1900;
  constexpr int ranks = 4;
  const auto& gradients = gradients_of(ranks, dim);
  // Bucket 2 is rank 2's to aggregate: rank 0 cannot finish the step without it, and so listens.
  InProcessOptions options{.ranks = ranks, .sends = Sends::synchronous};
  options.wire = [&](int from, int to, int tag, std::vector<std::byte>& bytes) {
    if (from == 3 && to == 2 && tag == tag_of(2, Channel::uplink_payloads)) bytes[5] ^= std::byte{2};
  };
  const auto end = run_in_process(options, [&](const Communicator& world) {
    run_step(world, {"sharded", "sign", ranks, 128, Order::forward}, gradients);
  });
  const std::string fault = "message from rank 3 (agent 3) at step 20, bucket 2 has checksum";
  EXPECT_TRUE(end.errors[0].starts_with("seen by rank 2: " + fault)) << end.errors[0];
  EXPECT_TRUE(end.errors[1].starts_with("rank 0: seen by rank 2: " + fault)) << end.errors[1];
  EXPECT_NE(end.errors[2].find(fault), std::string::npos) << end.errors[2];  // its own, or rank 0's if that was sooner
}

}  // namespace
}  // namespace tersegrad
