// An aggregate's way down: from the rank that aggregated it to all others, along a tree.
#pragma once

#include <string>
#include <vector>

#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/transfer.hpp"
#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

/// A rank's neighbours in a tree.
struct TreePlace {
  int parent = -1;  ///< −1: the root
  std::vector<int> children;
};

/// The binomial tree that MPI_Bcast uses too: the root sends to ⌈log2 size⌉ ranks, not to all of them, and the last
/// rank has it after as many hops. The farthest child comes first: of 2^n ranks the one with the largest subtree (of 17, the
/// root's first child has none).
TreePlace binomial_place(int rank, int size, int root);

/// How many ranks the root of that tree sends to: ⌈log2 size⌉.
inline int copies_from_root(int size) { return static_cast<int>(binomial_place(0, size, 0).children.size()); }

/// One bucket's aggregate: received from the parent, handed on to the children; the header first, which is checked.
class Downlink {
 public:
  /// \param aggregate received into; at the root, read once it is released
  /// \param verify the root adds a checksum to the aggregate, and nobody hands on one whose checksum is wrong
  Downlink(const Communicator& comm, TreePlace place, const Expected& expected, Message& aggregate, bool verify);

  /// At the root: the aggregate is complete.
  void release();
  /// Looks once. \return whether anything moved \throws Error naming the sender and the step
  bool progress();
  /// True once the aggregate is here and on its way out to nobody any more.
  bool done() const { return stage_ == Stage::sent && under_way_.empty(); }

 private:
  enum class Stage { header, payload, sent, awaits_release };
  bool arrived();
  void hand_on();

  const Communicator& comm_;
  TreePlace place_;
  Expected expected_;
  Message& aggregate_;
  bool verify_;
  Stage stage_;
  Transfer incoming_;
  std::vector<Transfer> under_way_;
};

}  // namespace tersegrad
