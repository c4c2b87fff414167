// A small sum over all ranks, formed again and again while they work.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// Rounds of a non-blocking all-reduce. A rank takes part whenever it looks, and a round ends once every rank has: so
/// none waits while it has work. Every rank sees the same rounds with the same sums; a decision that follows from a sum
/// is therefore the same on all ranks, and falls in the same round, whichever rank gave rise to it.
///
/// All ranks leave behind the same round (the one whose sums say so), before their next collective call.
class RepeatedSum {
 public:
  /// \param comm outlives this object \param count numbers of a rank
  RepeatedSum(const Communicator& comm, std::size_t count) : comm_(comm), sums_(new std::vector<std::int64_t>(count)) {}
  /// A round that is still under way (an error unwinds) keeps its memory: the sum may yet be written there.
  ~RepeatedSum();
  RepeatedSum(const RepeatedSum&) = delete;
  RepeatedSum& operator=(const RepeatedSum&) = delete;

  /// One look; does not wait.
  /// \param mine  this rank's numbers, as they enter a round that begins now
  /// \param begin whether one may begin, where none is under way
  /// \return the sums of the round that has just ended, until the next look; empty: none has
  std::span<const std::int64_t> look(std::span<const std::int64_t> mine, bool begin);

 private:
  const Communicator& comm_;
  std::unique_ptr<std::vector<std::int64_t>> sums_;
  bool under_way_ = false;
  Request request_;
};

}  // namespace tersegrad
