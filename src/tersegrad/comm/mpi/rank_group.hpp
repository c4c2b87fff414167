// Some of a communicator's ranks as a communicator of their own.
#pragma once

#include <optional>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// The ranks of `whole` that name the same group, in their order; empty on a rank that names none. Collective over `whole`
/// to make, over the group to destroy.
class RankGroup {
 public:
  /// \param group at least 0
  RankGroup(const Communicator& whole, std::optional<int> group);
  ~RankGroup();
  RankGroup(const RankGroup&) = delete;
  RankGroup& operator=(const RankGroup&) = delete;

  bool takes_part() const { return handle_ != MPI_COMM_NULL; }
  /// Of the group; only on a rank that takes part, and while this lives.
  Communicator comm() const { return Communicator(handle_); }

 private:
  MPI_Comm handle_ = MPI_COMM_NULL;
};

}  // namespace tersegrad
