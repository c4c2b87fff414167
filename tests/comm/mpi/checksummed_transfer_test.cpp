#include "tersegrad/comm/mpi/checksummed_transfer.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "support/world.hpp"
#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {
namespace {

using namespace testing;

constexpr MemoryId id{.step = 40, .agent = 3, .part = 1};

/// A bit of what is sent: number `message` of the messages, byte `byte` of it.
struct FlippedBit {
  int message = 0;
  std::size_t byte = 0;
};

/// From the last rank to rank 0, of which the rest knows nothing. \return what rank 0 says, empty if all is well
std::string carried(const Communicator& world, std::size_t length, const MemoryId& sent = id,
                    const std::optional<FlippedBit>& flipped = {}) {
  std::vector<std::byte> bytes(length), got(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  int number = 0;
  std::optional<FaultyWire> wire;
  if (flipped) {
    wire.emplace([&](int tag, std::vector<std::byte>& message) {
      if (tag == snapshot_tag && number++ == flipped->message) message.at(flipped->byte) ^= std::byte{16};
    });
  }
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
  return fault;
}

TERSEGRAD_WORLD_TEST(ChecksummedTransfer, CarriesAnyLength) {
  if (world.size() == 1) GTEST_SKIP() << "nobody to send to";
  constexpr std::size_t piece = std::size_t{1} << 24;
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{5000}, piece, piece + 1}) {
    EXPECT_EQ(carried(world, length), "") << length;
  }
}

TERSEGRAD_WORLD_TEST(ChecksummedTransfer, AnyFlippedBitIsSeen) {
  if (world.size() == 1) GTEST_SKIP() << "nobody to send to";
  for (const auto& [message, bytes] : {std::pair{0, 32u}, std::pair{1, 300u}}) {  // the header, the piece after it
    for (std::size_t byte = 0; byte < bytes; byte += message == 0 ? 1 : 23) {
      const std::string fault = carried(world, 300, id, FlippedBit{message, byte});
      if (world.rank() == 0) {
        EXPECT_NE(fault.find(concat("agent 3 remembers (part 1) came changed from rank ", world.size() - 1,
                                    " at step 40")), std::string::npos)
            << message << ' ' << byte << ": " << fault;
      }
    }
  }
}

TERSEGRAD_WORLD_TEST(ChecksummedTransfer, AnotherMemoryIsRefused) {
  if (world.size() == 1) GTEST_SKIP() << "nobody to send to";
  for (const MemoryId other : {MemoryId{39, 3, 1}, MemoryId{40, 2, 1}, MemoryId{40, 3, 0}}) {
    EXPECT_EQ(carried(world, 100, other).empty(), world.rank() != 0);
  }
}

}  // namespace
}  // namespace tersegrad
