// Memory that goes from rank to rank outside of the exchanges, with checksums: what checkpoints are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// What the memory is: both ends say the same.
struct MemoryId {
  std::uint64_t step = 0;
  std::uint32_t agent = 0;
  std::uint32_t part = 0;  ///< of what the agent remembers
};

/// Sends `bytes`, any number of them, in pieces of 16 MiB, so that a slow link shows progress: in front of each, what it
/// is and its CRC-32C. Waits until it has left. \throws CommunicationError
void send_checksummed(const Communicator& comm, const MemoryId& id, std::span<const std::byte> bytes, int to, int tag);

/// Receives and compares them. \throws ChecksumError naming the sender, the agent and the step
void receive_checksummed(const Communicator& comm, const MemoryId& id, std::span<std::byte> bytes, int from, int tag);

}  // namespace tersegrad
