// How fast the network is that a run finds itself on.
#pragma once

#include "tersegrad/comm/mpi/communicator.hpp"

namespace tersegrad {

/// What rank 0 and the last rank could send each other.
struct LinkRate {
  double bits_per_s = 0;  ///< one way, of the longest message that was tried; 0: there is one rank
  double latency_s = 0;   ///< of an empty message, half a round trip, the median of several
};

/// Sends longer and longer messages there and back, 64 KiB to 4 MiB, until a round trip takes 20 ms: some milliseconds
/// on a fast network, 0.5 s at 10 Mbit/s. Ranks on one machine measure its memory. Collective; complete on rank 0.
LinkRate measure_link(const Communicator& comm);

}  // namespace tersegrad
