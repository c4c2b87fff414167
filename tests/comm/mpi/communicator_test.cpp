#include "tersegrad/comm/mpi/communicator.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "support/world.hpp"
#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/mpi_communicator.hpp"

namespace tersegrad {
namespace {

std::byte value(int rank, std::size_t i) { return static_cast<std::byte>(37 * rank + static_cast<int>(i)); }

std::vector<std::byte> piece(int rank, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = value(rank, i);
  return bytes;
}

TERSEGRAD_WORLD_TEST(Communicator, BroadcastFromEveryRoot) {
  for (int root = 0; root < world.size(); ++root) {
    for (const std::size_t size : {0u, 1u, 63u, 100000u}) {
      auto bytes = world.rank() == root ? piece(root, size) : std::vector<std::byte>(size);
      world.broadcast(bytes, root);
      EXPECT_EQ(bytes, piece(root, size));
    }
  }
}

TERSEGRAD_WORLD_TEST(Communicator, AllGatherTellsWhoSentWhat) {
  const auto gathered = world.all_gather_pieces(piece(world.rank(), static_cast<std::size_t>(3 * world.rank())));
  for (int r = 0; r < world.size(); ++r) {
    const auto from = gathered.from(r);
    ASSERT_EQ(from.size(), static_cast<std::size_t>(3 * r));
    for (std::size_t i = 0; i < from.size(); ++i) EXPECT_EQ(from[i], value(r, i));
  }
}

TERSEGRAD_WORLD_TEST(Communicator, SumsAndMaxima) {
  const std::int64_t n = world.size();
  std::int64_t counts[] = {world.rank(), 1};
  world.sum(std::span<std::int64_t>(counts));
  EXPECT_EQ(counts[0], n * (n - 1) / 2);
  EXPECT_EQ(counts[1], n);
  std::int64_t largest = world.rank();
  world.max(std::span(&largest, 1));
  EXPECT_EQ(largest, n - 1);
  std::vector<float> values(1000, 1.0f);
  world.all_reduce_sum(values);
  for (const float v : values) EXPECT_EQ(v, static_cast<float>(n));
}

TERSEGRAD_WORLD_TEST(Communicator, SplitKeepsTheOrderOfRanksAndMessagesApart) {
  const int odd = world.rank() % 2;
  const auto half = world.split(odd);
  ASSERT_NE(half, nullptr);
  EXPECT_EQ(half->size(), (world.size() + 1 - odd) / 2);
  EXPECT_EQ(half->rank(), world.rank() / 2);
  std::int64_t members = 1;
  half->sum(std::span(&members, 1));
  EXPECT_EQ(members, half->size());
  // The same two ranks' messages, with the same tag: the communicator tells them apart, whichever was sent first.
  const int next = (half->rank() + 1) % half->size(), previous = (half->rank() + half->size() - 1) % half->size();
  const auto in_world = [odd](int rank) { return 2 * rank + odd; };
  const std::byte sent[] = {std::byte{1}, std::byte{2}};
  std::byte got[2] = {};
  Request first = world.start_send(std::span(sent).first(1), in_world(next), 5);
  Request second = half->start_send(std::span(sent).last(1), next, 5);
  half->receive(std::span(got).last(1), previous, 5);
  world.receive(std::span(got).first(1), in_world(previous), 5);
  world.wait(first);
  half->wait(second);
  EXPECT_EQ(got[0], sent[0]);
  EXPECT_EQ(got[1], sent[1]);
  EXPECT_EQ(world.split(-1), nullptr);
}

TERSEGRAD_WORLD_TEST(Communicator, ProbeSaysWhoSentHowMuchAndTakesNothing) {
  const int next = (world.rank() + 1) % world.size(), previous = (world.rank() + world.size() - 1) % world.size();
  const auto sent = piece(world.rank(), 10);
  EXPECT_FALSE(world.probe(any_source, 6).has_value());
  world.barrier();
  Request out = world.start_send(sent, next, 6);
  std::optional<Arrival> arrival;
  while (!(arrival = world.probe(any_source, 6))) {
  }
  EXPECT_EQ(arrival->from, previous);
  EXPECT_EQ(arrival->bytes, 10u);
  EXPECT_TRUE(world.probe(previous, 6).has_value());
  EXPECT_FALSE(world.probe(previous, 7).has_value());
  std::vector<std::byte> got(10);
  world.receive(got, previous, 6);
  EXPECT_EQ(got, piece(previous, 10));
  world.wait(out);
  world.barrier();
  EXPECT_FALSE(world.probe(any_source, 6).has_value());
}

TERSEGRAD_WORLD_TEST(Communicator, MessagesOfOneTagKeepTheirOrder) {
  constexpr std::size_t count = 50;
  const int next = (world.rank() + 1) % world.size(), previous = (world.rank() + world.size() - 1) % world.size();
  std::vector<std::byte> sent = piece(world.rank(), count), got(count);
  std::vector<Request> requests;
  for (std::size_t i = 0; i < count; ++i) {
    requests.push_back(world.start_receive(std::span(got).subspan(i, 1), previous, 7));
    requests.push_back(world.start_send(std::span(sent).subspan(i, 1), next, 7));
  }
  while (!requests.empty()) {  // asked about in another order
    world.wait(requests.back());
    EXPECT_TRUE(world.ready(requests.back()));
    requests.pop_back();
  }
  EXPECT_EQ(got, piece(previous, count));
}

TERSEGRAD_WORLD_TEST(Communicator, GradientMessagesAreCountedByTheirTag) {
  const int next = (world.rank() + 1) % world.size(), previous = (world.rank() + world.size() - 1) % world.size();
  const std::vector<std::byte> sent(70);
  std::vector<std::byte> got(70);
  const auto before = world.sent_to()[static_cast<std::size_t>(next)];
  for (const int tag : {0, tag_of(0, Channel::uplink_headers), tag_of(3, Channel::sum_down)}) {
    Request out = world.start_send(sent, next, tag);
    world.receive(got, previous, tag);
    world.wait(out);
  }
  EXPECT_EQ(world.sent_to()[static_cast<std::size_t>(next)] - before, 140);
  EXPECT_EQ(world.received_from()[static_cast<std::size_t>(previous)], 140);
}

TERSEGRAD_WORLD_TEST(Communicator, ASumIsFormedWhileOthersCallsGoOn) {
  std::vector<std::int64_t> values{world.rank(), 1};
  Request sum = world.start_sum(values);
  world.barrier();
  std::int64_t largest = world.rank();
  world.max(std::span(&largest, 1));
  world.wait(sum);
  EXPECT_EQ(values[0], world.size() * (world.size() - 1) / 2);
  EXPECT_EQ(values[1], world.size());
}

TEST(Communicator, CountsPastIntAreRefusedWithoutTheMemory) {
  EXPECT_EQ(mpi_count(static_cast<std::size_t>(std::numeric_limits<int>::max()), "x"), std::numeric_limits<int>::max());
  try {
    mpi_count(std::size_t{1} << 31, "a gather");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a gather of 2147483648 bytes"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace tersegrad
