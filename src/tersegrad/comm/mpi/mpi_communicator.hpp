// The ranks of an MPI communicator: processes.
#pragma once

#include <mpi.h>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// An MPI call that failed. The text is MPI's own.
class MpiError : public CommunicationError {
 public:
  MpiError(const char* call, int code);
};

/// All operations are the non-blocking ones of MPI followed by a wait, all_reduce_sum excepted.
class MpiCommunicator final : public Communicator {
 public:
  /// Of a communicator that someone else owns and that outlives this object. Not collective.
  explicit MpiCommunicator(MPI_Comm comm);
  ~MpiCommunicator() override;

  void barrier() const override;
  /// In pieces where MPI's counts end.
  void broadcast(std::span<std::byte> bytes, int root) const override;
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) const override;
  Gathered all_gather_pieces(std::span<const std::byte> mine) const override;
  using Communicator::sum;
  void sum(std::span<double> values) const override;
  void max(std::span<std::int64_t> values) const override;
  /// MPI_Allreduce(MPI_FLOAT, MPI_SUM): MPI's own algorithm.
  void all_reduce_sum(std::span<float> values) const override;
  Request start_sum(std::span<std::int64_t> values) const override;
  /// MPI_Comm_split_type(MPI_COMM_TYPE_SHARED)
  std::vector<int> node_leaders() const override;
  std::unique_ptr<Communicator> split(int colour) const override;
  std::optional<Arrival> probe(int from, int tag) const override;
  /// MPI_TAG_UB
  std::int64_t largest_tag() const override;
  bool ready(Request& request) const override;
  /// MPI_Abort; this process ends 5 s later at the latest. Does not return.
  void abort(const std::string& what) const override;

 private:
  struct Owned {};  ///< the handle is this object's to free
  MpiCommunicator(MPI_Comm comm, Owned);
  Request post_send(std::span<const std::byte> bytes, int to, int tag) const override;
  Request post_receive(std::span<std::byte> bytes, int from, int tag) const override;

  MPI_Comm comm_;
  bool owned_ = false;
};

/// The int that MPI wants. \throws Error past 2^31 − 1, naming `what`
int mpi_count(std::size_t bytes, const char* what);

}  // namespace tersegrad
