// One long message from rank to rank: cut into pieces that MPI's counts can hold, under way while others are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/comm/communicator.hpp"

namespace tersegrad {

/// MPI counts bytes in ints; longer messages travel in pieces of this length.
inline constexpr std::uint64_t longest_piece = std::uint64_t{1} << 30;

/// How many MPI messages carry `bytes` bytes; 0 for none.
std::uint64_t piece_count(std::uint64_t bytes, std::uint64_t piece = longest_piece);
/// The length of piece `i` of them.
std::size_t piece_length(std::uint64_t bytes, std::uint64_t i, std::uint64_t piece = longest_piece);

/// A send or a receive under way. Both ends know the length (the header in front said it); no bytes are no MPI
/// message. Messages with one tag between two ranks arrive in the order in which they were sent.
///
/// The bytes stay alive and, of a send, unchanged until it is done. Not collective.
class Transfer {
 public:
  static Transfer send(const Communicator& comm, std::span<const std::byte> bytes, int to, int tag,
                       std::uint64_t piece = longest_piece);
  static Transfer receive(const Communicator& comm, std::span<std::byte> bytes, int from, int tag,
                          std::uint64_t piece = longest_piece);

  /// Looks once. \throws Error if what arrived is shorter or longer than announced
  bool done();

 private:
  struct Piece {
    MPI_Request request;
    std::size_t bytes;
  };
  std::vector<Piece> pieces_;  // under way
  int peer_ = -1;
  bool receives_ = false;
};

}  // namespace tersegrad
