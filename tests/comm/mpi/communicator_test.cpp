#include "tersegrad/comm/mpi/communicator.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace tersegrad {
namespace {

std::byte value(int rank, std::size_t i) { return static_cast<std::byte>(37 * rank + static_cast<int>(i)); }

std::vector<std::byte> piece(int rank, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = value(rank, i);
  return bytes;
}

TEST(Communicator, BroadcastFromEveryRoot) {
  const Communicator world(MPI_COMM_WORLD);
  for (int root = 0; root < world.size(); ++root) {
    for (const std::size_t size : {0u, 1u, 63u, 100000u}) {
      auto bytes = world.rank() == root ? piece(root, size) : std::vector<std::byte>(size);
      world.broadcast(bytes, root);
      EXPECT_EQ(bytes, piece(root, size));
    }
  }
}

TEST(Communicator, AllGatherTellsWhoSentWhat) {
  const Communicator world(MPI_COMM_WORLD);
  const auto gathered = world.all_gather_pieces(piece(world.rank(), static_cast<std::size_t>(3 * world.rank())));
  for (int r = 0; r < world.size(); ++r) {
    const auto from = gathered.from(r);
    ASSERT_EQ(from.size(), static_cast<std::size_t>(3 * r));
    for (std::size_t i = 0; i < from.size(); ++i) EXPECT_EQ(from[i], value(r, i));
  }
}

TEST(Communicator, SumsAndMaxima) {
  const Communicator world(MPI_COMM_WORLD);
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
