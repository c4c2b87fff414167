// How long a run has taken so far, and where that time went.
#pragma once

#include <span>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/records/time_split.hpp"

namespace tersegrad {

/// Seconds since the first step began, by one rank's clock or as the mean over the hosting ranks.
///
/// One rank's parts are disjoint stretches of its own `steps_s`, which is one of its `wall_s`. So on every rank, and
/// hence for the means over the same ranks, compute + compress + exchange + apply ≤ steps_s ≤ wall_s. A mean beside
/// another rank's clock has no such order: ranks leave a barrier, and end a step, at different times.
struct Elapsed {
  double wall_s = 0;
  double steps_s = 0;  ///< wall_s without evaluation, noise reports and checkpoints
  TimeSplit parts;     ///< of the steps
  Elapsed& operator+=(const Elapsed& other);
};

/// Replaces each by its mean over the hosting ranks, on all ranks. Collective: one reduction for all of them.
void mean_over_hosts(const Communicator& comm, const AgentMap& map, std::span<Elapsed> elapsed);

}  // namespace tersegrad
