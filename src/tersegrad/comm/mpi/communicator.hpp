// How ranks reach each other: collectives and messages over spans of bytes and numbers, whatever carries them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

/// What carries the messages has failed, or the job has ended: nothing that a rank could still tell another.
class CommunicationError : public Error {
 public:
  using Error::Error;
};

/// Bytes that arrived from every rank, concatenated.
struct Gathered {
  std::vector<std::byte> bytes;
  std::vector<std::size_t> begins;  ///< size()+1 offsets: rank r sent [begins[r], begins[r+1])
  std::span<const std::byte> from(int rank) const {
    const auto r = static_cast<std::size_t>(rank);
    return std::span(bytes).subspan(begins[r], begins[r + 1] - begins[r]);
  }
};

/// A send, a receive or a sum under way; whoever started it asks its communicator about it (Communicator::ready). One that
/// is dropped goes on: its memory must then outlive the job.
class Request {
 public:
  Request() = default;
  explicit Request(std::uint64_t handle) : handle_(handle) {}
  Request(Request&& other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  Request& operator=(Request&& other) noexcept {
    handle_ = std::exchange(other.handle_, 0);
    return *this;
  }
  /// What its communicator knows it by; 0: it is complete.
  std::uint64_t handle() const { return handle_; }

 private:
  std::uint64_t handle_ = 0;
};

/// Of Communicator::probe: a message of any sender.
inline constexpr int any_source = -1;

/// A message that is there to be received.
struct Arrival {
  int from = 0;
  std::size_t bytes = 0;
};

/// Some ranks, numbered from 0. Every call is collective over them unless it says otherwise: all ranks make the same
/// calls in the same order. Calls of one rank come from one thread.
///
/// A rank that waits looks again and again and soon sleeps in between (Backoff): it does not take the core on which
/// another computes. MpiCommunicator has processes for ranks.
///
/// Every call \throws CommunicationError if what carries the messages fails.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  virtual void barrier() const = 0;
  /// `bytes` of the root, to all. Every rank passes the same length.
  virtual void broadcast(std::span<std::byte> bytes, int root) const = 0;
  /// Equal pieces of every rank, in rank order, everywhere.
  virtual void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) const = 0;
  /// Pieces of any length, everywhere.
  virtual Gathered all_gather_pieces(std::span<const std::byte> mine) const = 0;
  /// Element-wise sum. For integers and for doubles of which at most one rank's is non-zero the result does not
  /// depend on the order of additions, which is not specified; for others it does.
  virtual void sum(std::span<double> values) const = 0;
  void sum(std::span<std::int64_t> values) const;
  virtual void max(std::span<std::int64_t> values) const = 0;
  /// Element-wise sum in place, order of additions unspecified.
  virtual void all_reduce_sum(std::span<float> values) const = 0;
  /// sum(), not waited for. Other collective calls may be made meanwhile, in the same order on all ranks.
  virtual Request start_sum(std::span<std::int64_t> values) const = 0;

  /// For each rank the lowest rank of its node (its machine, as far as ranks share memory).
  virtual std::vector<int> node_leaders() const = 0;
  /// The ranks that pass the same colour, in their order, as a communicator of their own; null for those that pass one
  /// below 0. Collective over its ranks to destroy.
  virtual std::unique_ptr<Communicator> split(int colour) const = 0;

  /// Point to point, not collective. Messages with one tag from one rank to another arrive in the order in which they
  /// were sent. The memory stays alive and, of a send, unchanged until the request is complete.
  void send(std::span<const std::byte> bytes, int to, int tag) const;
  void receive(std::span<std::byte> bytes, int from, int tag) const;
  Request start_send(std::span<const std::byte> bytes, int to, int tag) const;
  Request start_receive(std::span<std::byte> bytes, int from, int tag) const;
  /// Looks once whether a message of this sender (any_source: of any) and tag is there to be received.
  virtual std::optional<Arrival> probe(int from, int tag) const = 0;
  /// Tags are 0 to this, at least 32767. Not collective.
  virtual std::int64_t largest_tag() const = 0;

  /// Looks once, not collective. A request that has completed counts as complete ever after.
  virtual bool ready(Request& request) const = 0;
  void wait(Request& request) const;

  /// Ends the job on all ranks, with one line that says `what` and names this rank. Not collective; also from another
  /// thread. Returns only where ranks share a process: every rank's next call throws then.
  virtual void abort(const std::string& what) const = 0;

  /// Bytes of gradient messages (those with a bucket's tag, channel.hpp) that this object started to send to, and to
  /// receive from, each rank. What the collective calls move is not among them.
  const std::vector<std::int64_t>& sent_to() const { return sent_to_; }
  const std::vector<std::int64_t>& received_from() const { return received_from_; }

 protected:
  Communicator(int rank, int size);

 private:
  virtual Request post_send(std::span<const std::byte> bytes, int to, int tag) const = 0;
  virtual Request post_receive(std::span<std::byte> bytes, int from, int tag) const = 0;

  int rank_;
  int size_;
  mutable std::vector<std::int64_t> sent_to_, received_from_;
};

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
