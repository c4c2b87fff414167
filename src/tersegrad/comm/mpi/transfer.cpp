#include "tersegrad/comm/mpi/transfer.hpp"

#include <algorithm>

namespace tersegrad {

std::uint64_t piece_count(std::uint64_t bytes, std::uint64_t piece) {
  return bytes / piece + (bytes % piece > 0 ? 1 : 0);
}

std::size_t piece_length(std::uint64_t bytes, std::uint64_t i, std::uint64_t piece) {
  return static_cast<std::size_t>(std::min(piece, bytes - i * piece));
}

Transfer Transfer::send(const Communicator& comm, std::span<const std::byte> bytes, int to, int tag,
                        std::uint64_t piece) {
  Transfer transfer;
  transfer.comm_ = &comm;
  for (std::uint64_t i = 0; i < piece_count(bytes.size(), piece); ++i) {
    const auto part = bytes.subspan(static_cast<std::size_t>(i * piece), piece_length(bytes.size(), i, piece));
    transfer.pieces_.push_back({comm.start_send(part, to, tag), true});
  }
  return transfer;
}

Transfer Transfer::receive(const Communicator& comm, std::span<std::byte> bytes, int from, int tag,
                           std::uint64_t piece) {
  Transfer transfer;
  transfer.comm_ = &comm;
  transfer.peer_ = from;
  transfer.tag_ = tag;
  for (std::uint64_t i = 0; i < piece_count(bytes.size(), piece); ++i) {
    const auto place = bytes.subspan(static_cast<std::size_t>(i * piece), piece_length(bytes.size(), i, piece));
    transfer.pieces_.push_back({Request(), false, place});
  }
  return transfer;
}

/// Posts the receive if its message is there.
bool Transfer::post(Piece& piece) {
  const auto message = comm_->probe(peer_, tag_);
  if (!message) return false;
  TERSEGRAD_CHECK(message->bytes == piece.place.size(), "rank ", peer_, " sent ", message->bytes, " bytes (announced ",
                  piece.place.size(), ")");
  piece.request = comm_->start_receive(piece.place, peer_, tag_);
  piece.posted = true;
  return true;
}

bool Transfer::done() {
  // Pieces complete in order, so the first one tells.
  while (!pieces_.empty()) {
    Piece& piece = pieces_.front();
    if (!piece.posted && !post(piece)) return false;
    if (!comm_->ready(piece.request)) return false;
    pieces_.erase(pieces_.begin());
  }
  return true;
}

}  // namespace tersegrad
