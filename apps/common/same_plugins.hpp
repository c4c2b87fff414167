// That the ranks of a job have the same plug-ins.
#pragma once

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// First on the ranks of a job: that they have loaded the same plug-ins, to the last byte.
/// \throws CollectiveError. Collective; a rank whose plug-ins cannot be loaded may be in collectively() meanwhile
void require_same_plugins(const Communicator& world);

}  // namespace tersegrad
