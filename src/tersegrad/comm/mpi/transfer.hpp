// One long message from rank to rank: cut into pieces that MPI's counts can hold, under way while others are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/comm/mpi/communicator.hpp"

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
/// A receive is posted only once its message is there and has the length that it must have: Open MPI (4.1.4, shared
/// memory with single copies) writes a longer one past the end of the buffer before it reports it as truncated.
///
/// The bytes stay alive and, of a send, unchanged until it is done. Not collective.
class Transfer {
 public:
  static Transfer send(const Communicator& comm, std::span<const std::byte> bytes, int to, int tag,
                       std::uint64_t piece = longest_piece);
  /// Of several with one sender and tag, one may look (done) only once those before it have found their message.
  static Transfer receive(const Communicator& comm, std::span<std::byte> bytes, int from, int tag,
                          std::uint64_t piece = longest_piece);

  /// Looks once. \throws Error if what has come is shorter or longer than announced; it is not received then
  bool done();
  /// Whether all its messages have been found.
  bool matched() const { return pieces_.empty() || pieces_.back().posted; }

 private:
  struct Piece {
    Request request;
    bool posted = false;
    std::span<std::byte> place = {};  // of a receive
  };
  bool post(Piece& piece);

  std::vector<Piece> pieces_;  // under way
  const Communicator* comm_ = nullptr;
  int peer_ = -1;
  int tag_ = 0;
};

}  // namespace tersegrad
