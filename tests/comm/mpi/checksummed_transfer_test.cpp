#include "tersegrad/comm/mpi/checksummed_transfer.hpp"

#include <gtest/gtest.h>

#include <list>
#include <vector>

#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/compress/wire/message.hpp"

namespace {

/// What is wrong with the wire: of the snapshot messages that this rank sends, number `message` has a bit flipped.
struct Wire {
  int message = -1;
  std::size_t byte = 0;
  int sent = 0;
  std::list<std::vector<unsigned char>> kept;  // alive until the program ends
};
Wire wire;

}  // namespace

/// Stands in for MPI's own, which it calls (MPI's profiling interface).
extern "C" int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                         MPI_Request* request) {
  if (tag != tersegrad::snapshot_tag || wire.sent++ != wire.message) {
    return PMPI_Isend(buffer, count, type, to, tag, comm, request);
  }
  const auto* bytes = static_cast<const unsigned char*>(buffer);
  auto& copy = wire.kept.emplace_back(bytes, bytes + count);
  copy.at(wire.byte) ^= 16;
  return PMPI_Isend(copy.data(), count, type, to, tag, comm, request);
}

namespace tersegrad {
namespace {

constexpr MemoryId id{.step = 40, .agent = 3, .part = 1};

/// From the last rank to rank 0, of which the rest knows nothing. \return what rank 0 says, empty if all is well
std::string carried(const Communicator& world, std::size_t length, const MemoryId& sent = id) {
  std::vector<std::byte> bytes(length), got(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  wire.sent = 0;
  std::string fault;
  if (world.rank() == world.size() - 1) send_checksummed(world, sent, bytes, 0, snapshot_tag);
  if (world.rank() == 0) {
    try {
      receive_checksummed(world, id, got, world.size() - 1, snapshot_tag);
      EXPECT_EQ(got, bytes);
    } catch (const ChecksumError& error) {
      fault = error.what();
    }
  }
  world.barrier();
  wire.message = -1;
  return fault;
}

TEST(SealedTransfer, CarriesAnyLength) {
  const Communicator world(MPI_COMM_WORLD);
  if (world.size() == 1) GTEST_SKIP() << "nobody to send to";
  constexpr std::size_t piece = std::size_t{1} << 24;
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{5000}, piece, piece + 1}) {
    EXPECT_EQ(carried(world, length), "") << length;
  }
}

TEST(SealedTransfer, AnyFlippedBitIsSeen) {
  const Communicator world(MPI_COMM_WORLD);
  if (world.size() == 1) GTEST_SKIP() << "nobody to send to";
  for (const auto& [message, bytes] : {std::pair{0, 32u}, std::pair{1, 300u}}) {  // the header, the piece after it
    for (std::size_t byte = 0; byte < bytes; byte += message == 0 ? 1 : 23) {
      wire.message = message;
      wire.byte = byte;
      const std::string fault = carried(world, 300);
      if (world.rank() == 0) {
        EXPECT_NE(fault.find(concat("agent 3 remembers (part 1) came changed from rank ", world.size() - 1,
                                    " at step 40")), std::string::npos)
            << message << ' ' << byte << ": " << fault;
      }
    }
  }
}

TEST(SealedTransfer, AnotherMemoryIsRefused) {
  const Communicator world(MPI_COMM_WORLD);
  if (world.size() == 1) GTEST_SKIP() << "nobody to send to";
  for (const MemoryId other : {MemoryId{39, 3, 1}, MemoryId{40, 2, 1}, MemoryId{40, 3, 0}}) {
    EXPECT_EQ(carried(world, 100, other).empty(), world.rank() != 0);
  }
}

}  // namespace
}  // namespace tersegrad
