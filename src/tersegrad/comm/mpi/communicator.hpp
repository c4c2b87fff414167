// MPI behind a small value: collectives over spans of bytes and numbers, with waits that leave the core to others.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

/// An MPI call that failed. The text is MPI's own.
class MpiError : public Error {
 public:
  MpiError(const char* call, int code);
};

/// Throws MpiError unless `code` is MPI_SUCCESS.
void check_mpi(const char* call, int code);

/// Bytes that arrived from every rank, one behind the other.
struct Gathered {
  std::vector<std::byte> bytes;
  std::vector<std::size_t> begins;  ///< size()+1 offsets: rank r sent [begins[r], begins[r+1])
  std::span<const std::byte> from(int rank) const {
    const auto r = static_cast<std::size_t>(rank);
    return std::span(bytes).subspan(begins[r], begins[r + 1] - begins[r]);
  }
};

/// A communicator that someone else owns. Every call is collective over it unless it says otherwise.
///
/// All operations are the non-blocking ones of MPI followed by a wait that soon sleeps between its comparisons: a
/// rank that waits does not take the core on which another computes.
class Communicator {
 public:
  explicit Communicator(MPI_Comm comm);

  int rank() const { return rank_; }
  int size() const { return size_; }
  MPI_Comm handle() const { return comm_; }

  void barrier() const;
  /// `bytes` of the root, to all, in pieces where MPI's counts end. Every rank passes the same length.
  void broadcast(std::span<std::byte> bytes, int root) const;
  /// Equal pieces of every rank, in rank order, everywhere.
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) const;
  /// Pieces of any length, everywhere.
  Gathered all_gather_pieces(std::span<const std::byte> mine) const;
  /// Element-wise sum. For integers and for doubles of which at most one rank's is non-zero the result does not
  /// depend on MPI's order; for others it does.
  void sum(std::span<double> values) const;
  void sum(std::span<std::int64_t> values) const;
  void max(std::span<std::int64_t> values) const;
  /// MPI_Allreduce(MPI_FLOAT, MPI_SUM) in place: MPI's own algorithm, order unspecified.
  void all_reduce_sum(std::span<float> values) const;

  /// Point to point, not collective.
  void send(std::span<const std::byte> bytes, int to, int tag) const;
  void receive(std::span<std::byte> bytes, int from, int tag) const;
  MPI_Request start_send(std::span<const std::byte> bytes, int to, int tag) const;
  MPI_Request start_receive(std::span<std::byte> bytes, int from, int tag) const;
  /// Looks once whether a message of this sender (MPI_ANY_SOURCE: of any) and tag is there to receive. \return its length
  std::optional<std::size_t> probe(int from, int tag) const;
  /// Looks once. A request that has completed is freed and counts as complete ever after.
  bool ready(MPI_Request& request) const;
  void wait(MPI_Request& request) const;

  /// Bytes of gradient messages (those with a bucket's tag, channel.hpp) that this object started to send to, and to
  /// receive from, each rank. What MPI's own collective calls move is not among them.
  const std::vector<std::int64_t>& sent_to() const { return sent_to_; }
  const std::vector<std::int64_t>& received_from() const { return received_from_; }

 private:
  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
  mutable std::vector<std::int64_t> sent_to_, received_from_;
};

/// The int that MPI wants. \throws Error past 2^31 − 1, naming `what`
int mpi_count(std::size_t bytes, const char* what);

/// Bytes of a trivially copyable object or span of them.
template <class T>
std::span<const std::byte> bytes_of(std::span<const T> values) {
  return std::as_bytes(values);
}
template <class T>
std::span<std::byte> bytes_of(std::span<T> values) {
  return std::as_writable_bytes(values);
}

}  // namespace tersegrad
