#include "tersegrad/comm/transfer.hpp"

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
  transfer.peer_ = to;
  for (std::uint64_t i = 0; i < piece_count(bytes.size(), piece); ++i) {
    const auto part = bytes.subspan(static_cast<std::size_t>(i * piece), piece_length(bytes.size(), i, piece));
    transfer.pieces_.push_back({comm.start_send(part, to, tag), part.size()});
  }
  return transfer;
}

Transfer Transfer::receive(const Communicator& comm, std::span<std::byte> bytes, int from, int tag,
                           std::uint64_t piece) {
  Transfer transfer;
  transfer.peer_ = from;
  transfer.receives_ = true;
  for (std::uint64_t i = 0; i < piece_count(bytes.size(), piece); ++i) {
    const auto part = bytes.subspan(static_cast<std::size_t>(i * piece), piece_length(bytes.size(), i, piece));
    transfer.pieces_.push_back({comm.start_receive(part, from, tag), part.size()});
  }
  return transfer;
}

bool Transfer::done() {
  // Pieces complete in order, so the first one tells.
  while (!pieces_.empty()) {
    Piece& piece = pieces_.front();
    int completed = 0;
    MPI_Status status{};
    const int code = MPI_Test(&piece.request, &completed, &status);
    int kind = MPI_SUCCESS;
    if (code != MPI_SUCCESS) MPI_Error_class(code, &kind);
    TERSEGRAD_CHECK(kind != MPI_ERR_TRUNCATE, "rank ", peer_, " sent more than the ", piece.bytes,
                    " bytes it announced");
    check_mpi("MPI_Test", code);
    if (completed == 0) return false;
    if (receives_) {
      int got = 0;
      check_mpi("MPI_Get_count", MPI_Get_count(&status, MPI_BYTE, &got));
      TERSEGRAD_CHECK(static_cast<std::size_t>(got) == piece.bytes, "rank ", peer_, " sent ", got, " bytes (announced ",
                      piece.bytes, ")");
    }
    pieces_.erase(pieces_.begin());
  }
  return true;
}

}  // namespace tersegrad
