// Which ranks share a machine.
#pragma once

#include <vector>

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// The ranks in groups, one for each node, by their lowest ranks; a group's first rank leads it.
class Nodes {
 public:
  /// Groups of `ranks_per_node` successive ranks, whatever machine they run on.
  Nodes(int ranks, int ranks_per_node);
  /// The groups that share memory (Communicator::node_leaders). Collective.
  explicit Nodes(const Communicator& comm);

  int count() const { return static_cast<int>(members_.size()); }
  int of(int rank) const { return node_of_[static_cast<std::size_t>(rank)]; }
  /// In ascending order, the leader first.
  const std::vector<int>& members(int node) const { return members_[static_cast<std::size_t>(node)]; }
  int leader(int node) const { return members(node).front(); }

 private:
  /// \param leaders each rank's
  void group(const std::vector<int>& leaders);
  std::vector<int> node_of_;
  std::vector<std::vector<int>> members_;
};

}  // namespace tersegrad
