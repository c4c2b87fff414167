#include "tersegrad/comm/mpi/checksummed_transfer.hpp"

#include <algorithm>
#include <cstring>

#include "tersegrad/comm/mpi/backoff.hpp"
#include "tersegrad/comm/mpi/transfer.hpp"
#include "tersegrad/compress/wire/message.hpp"
#include "tersegrad/core/kernels/crc32c.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 24;

/// In front of a piece.
struct PieceHeader {
  std::uint64_t step = 0;
  std::uint32_t agent = 0;
  std::uint32_t part = 0;
  std::uint64_t begin = 0;  // of the piece, in the memory
  std::uint32_t bytes = 0;
  std::uint32_t crc32c = 0;  // of the fields above and the piece
};
static_assert(sizeof(PieceHeader) == 32);

PieceHeader header_of(const MemoryId& id, std::size_t begin, std::span<const std::byte> piece) {
  PieceHeader header{id.step, id.agent, id.part, begin, static_cast<std::uint32_t>(piece.size()), 0};
  header.crc32c = kernels::crc32c(piece, kernels::crc32c(std::as_bytes(std::span(&header, 1))));
  return header;
}

void complete(Transfer transfer) {
  for (Backoff backoff; !transfer.done();) backoff.pause();
}

/// Calls use(begin, length) for each piece.
template <class Use>
void for_each_piece(std::size_t bytes, const Use& use) {
  for (std::size_t begin = 0; begin < bytes; begin += piece_bytes) use(begin, std::min(piece_bytes, bytes - begin));
}

}  // namespace

void send_checksummed(const Communicator& comm, const MemoryId& id, std::span<const std::byte> bytes, int to, int tag) {
  for_each_piece(bytes.size(), [&](std::size_t begin, std::size_t length) {
    const auto piece = bytes.subspan(begin, length);
    const PieceHeader header = header_of(id, begin, piece);
    complete(Transfer::send(comm, std::as_bytes(std::span(&header, 1)), to, tag));
    complete(Transfer::send(comm, piece, to, tag));
  });
}

void receive_checksummed(const Communicator& comm, const MemoryId& id, std::span<std::byte> bytes, int from, int tag) {
  for_each_piece(bytes.size(), [&](std::size_t begin, std::size_t length) {
    const auto piece = bytes.subspan(begin, length);
    PieceHeader header;
    complete(Transfer::receive(comm, std::as_writable_bytes(std::span(&header, 1)), from, tag));
    complete(Transfer::receive(comm, piece, from, tag));
    const PieceHeader expected = header_of(id, begin, piece);
    if (std::memcmp(&header, &expected, sizeof header) == 0) return;
    throw ChecksumError(concat("what agent ", id.agent, " remembers (part ", id.part, ") came changed from rank ", from,
                           " at step ", id.step, ", bytes ", begin, " to ", begin + length,
                           ", by its checksum; look at that host's memory and network"));
  });
}

}  // namespace tersegrad
