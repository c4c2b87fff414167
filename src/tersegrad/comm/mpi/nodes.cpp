#include "tersegrad/comm/mpi/nodes.hpp"

namespace tersegrad {

Nodes::Nodes(int ranks, int ranks_per_node) {
  std::vector<int> leaders;
  for (int rank = 0; rank < ranks; ++rank) leaders.push_back(rank - rank % ranks_per_node);
  group(leaders);
}

Nodes::Nodes(const Communicator& comm) { group(comm.node_leaders()); }

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
