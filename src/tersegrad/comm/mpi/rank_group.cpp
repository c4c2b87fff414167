#include "tersegrad/comm/mpi/rank_group.hpp"

namespace tersegrad {

RankGroup::RankGroup(const Communicator& whole, std::optional<int> group) {
  MPI_Comm_split(whole.handle(), group.value_or(MPI_UNDEFINED), whole.rank(), &handle_);
}

RankGroup::~RankGroup() {
  if (handle_ != MPI_COMM_NULL) MPI_Comm_free(&handle_);
}

}  // namespace tersegrad
