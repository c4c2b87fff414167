#include "tersegrad/comm/mpi/transfer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/world.hpp"
#include "tersegrad/comm/exchange/downlink.hpp"
#include "tersegrad/comm/mpi/backoff.hpp"
#include "tersegrad/comm/mpi/mpi_communicator.hpp"
#include "tersegrad/comm/mpi/nodes.hpp"

namespace tersegrad {
namespace {

void wait(Transfer& transfer) {
  for (Backoff backoff; !transfer.done();) backoff.pause();
}

TEST(Transfer, PiecesCoverEveryLengthWithoutTheMemory) {
  constexpr std::uint64_t one = 1, piece = one << 30, limit = one << 31;
  for (const std::uint64_t bytes : {0 * one, one, piece - 1, piece, piece + 1, limit - 1, limit, limit + 1,
                                    5'000'000'000 * one, 4 * one * 300'000'000'000}) {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < piece_count(bytes); ++i) {
      const auto length = piece_length(bytes, i);
      EXPECT_NO_THROW(mpi_count(length, "a piece"));
      EXPECT_GT(length, 0u);
      EXPECT_EQ(length == longest_piece || i + 1 == piece_count(bytes), true);
      sum += length;
    }
    EXPECT_EQ(sum, bytes);
  }
}

TERSEGRAD_WORLD_TEST(Transfer, ArrivesWholeInPiecesOfAnySize) {
  const int next = (world.rank() + 1) % world.size(), previous = (world.rank() + world.size() - 1) % world.size();
  for (const std::size_t size : {0u, 1u, 99u, 100u, 101u, 70'000u}) {
    std::vector<std::byte> sent(size), got(size);
    for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<std::byte>(i * 7 + size);
    auto in = Transfer::receive(world, got, previous, 1, 100);
    auto out = Transfer::send(world, sent, next, 1, 100);
    wait(in);
    wait(out);
    EXPECT_EQ(got, sent);
  }
}

std::string problem_of(const Communicator& world, std::size_t sent, std::size_t expected, int tag) {
  std::vector<std::byte> out(sent), in(expected);
  auto outgoing = Transfer::send(world, out, world.rank(), tag);
  auto incoming = Transfer::receive(world, in, world.rank(), tag);
  std::string problem;
  try {
    wait(incoming);
  } catch (const Error& error) {
    problem = error.what();
  }
  std::vector<std::byte> rest(problem.empty() ? 0 : sent);  // what is refused stays where it is: for its sender to go on
  auto refused = Transfer::receive(world, rest, world.rank(), tag);
  wait(refused);
  wait(outgoing);
  return problem;
}

TERSEGRAD_WORLD_TEST(Transfer, ALengthThatWasNotAnnouncedIsSeen) {
  EXPECT_EQ(problem_of(world, 100, 100, 10), "");
  EXPECT_EQ(problem_of(world, 80, 100, 11), concat("rank ", world.rank(), " sent 80 bytes (announced 100)"));
  EXPECT_EQ(problem_of(world, 120, 100, 12), concat("rank ", world.rank(), " sent 120 bytes (announced 100)"));
}

/// Long messages travel by one copy from memory to memory, and Open MPI does not ask whether the place is as long.
TERSEGRAD_WORLD_TEST(Transfer, ALongerMessageDoesNotOverwriteWhatLiesBehindItsPlace) {
  const int next = (world.rank() + 1) % world.size(), previous = (world.rank() + world.size() - 1) % world.size();
  for (const std::size_t size : {4096u, 100'000u, 3'000'000u}) {
    const std::vector<std::byte> sent(size + 8, std::byte{1});
    std::vector<std::byte> place(size + 4096, std::byte{2});
    auto out = Transfer::send(world, sent, next, 3);
    auto in = Transfer::receive(world, std::span(place).first(size), previous, 3);
    EXPECT_THROW(wait(in), Error);
    EXPECT_EQ(std::count(place.begin(), place.end(), std::byte{2}), static_cast<std::ptrdiff_t>(place.size()));
    auto whole = Transfer::receive(world, std::span(place).first(size + 8), previous, 3);  // for its sender to go on
    wait(whole);
    wait(out);
    EXPECT_EQ(place[size + 7], std::byte{1});
  }
}

TEST(BinomialPlace, IsATreeWithLogarithmicDegree) {
  for (int size = 1; size <= 40; ++size) {
    for (int root = 0; root < size; ++root) {
      int edges = 0;
      for (int rank = 0; rank < size; ++rank) {
        const auto place = binomial_place(rank, size, root);
        EXPECT_EQ(place.parent < 0, rank == root);
        for (const int child : place.children) {
          EXPECT_EQ(binomial_place(child, size, root).parent, rank);
          ++edges;
        }
        EXPECT_LE(1 << place.children.size(), 2 * size - 1);  // at most ⌈log2 size⌉
        int hops = 0;
        for (int above = rank; above != root && hops <= size; ++hops) above = binomial_place(above, size, root).parent;
        EXPECT_LE(hops, size);
      }
      EXPECT_EQ(edges, size - 1);
    }
  }
}

TERSEGRAD_WORLD_TEST(Nodes, GroupsAsGivenAndAsTheRanksLie) {
  const Nodes pretended(5, 2);
  EXPECT_EQ(pretended.count(), 3);
  EXPECT_EQ(pretended.members(1), (std::vector<int>{2, 3}));
  EXPECT_EQ(pretended.members(2), (std::vector<int>{4}));
  EXPECT_EQ(pretended.of(3), 1);
  const Nodes real(world);
  EXPECT_EQ(real.leader(real.of(world.rank())), real.members(real.of(world.rank())).front());
  int ranks = 0;
  for (int node = 0; node < real.count(); ++node) {
    for (const int rank : real.members(node)) EXPECT_EQ(real.of(rank), node);
    ranks += static_cast<int>(real.members(node).size());
  }
  EXPECT_EQ(ranks, world.size());
}

}  // namespace
}  // namespace tersegrad
