#include "tersegrad/comm/mpi/nodes.hpp"

namespace tersegrad {

Nodes::Nodes(int ranks, int ranks_per_node) {
  std::vector<int> leaders;
  for (int rank = 0; rank < ranks; ++rank) leaders.push_back(rank - rank % ranks_per_node);
  group(leaders);
}

Nodes::Nodes(const Communicator& comm) {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi("MPI_Comm_split_type",
            MPI_Comm_split_type(comm.handle(), MPI_COMM_TYPE_SHARED, comm.rank(), MPI_INFO_NULL, &node));
  int leader = comm.rank();
  const int status = MPI_Allreduce(MPI_IN_PLACE, &leader, 1, MPI_INT, MPI_MIN, node);
  MPI_Comm_free(&node);
  check_mpi("MPI_Allreduce", status);
  std::vector<int> leaders(static_cast<std::size_t>(comm.size()));
  comm.all_gather(bytes_of(std::span<const int>(&leader, 1)), bytes_of(std::span(leaders)));
  group(leaders);
}

void Nodes::group(const std::vector<int>& leaders) {
  for (int rank = 0; rank < static_cast<int>(leaders.size()); ++rank) {
    const int leader = leaders[static_cast<std::size_t>(rank)];
    if (leader == rank) {
      node_of_.push_back(count());
      members_.emplace_back();
    } else {
      node_of_.push_back(of(leader));  // a leader comes before its node's other ranks
    }
    members_[static_cast<std::size_t>(node_of_.back())].push_back(rank);
  }
}

}  // namespace tersegrad
