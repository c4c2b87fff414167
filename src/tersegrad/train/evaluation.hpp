// Test-set evaluation, shared by all ranks.
#pragma once

#include "tersegrad/comm/agent_map.hpp"
#include "tersegrad/comm/communicator.hpp"
#include "tersegrad/train/objective.hpp"

namespace tersegrad {

struct Evaluation {
  double loss = 0;      ///< mean over the test rows; NaN without test data
  double accuracy = 0;  ///< 0 to 1; NaN without test data
};

/// Every rank evaluates its part of the test chunks; the sums are formed in chunk order, so the result does not depend
/// on the number of ranks. Running statistics (BatchNorm) are the agents' mean, summed in agent order. Collective.
Evaluation evaluate(const Communicator& comm, const AgentMap& map, Objective& objective);

}  // namespace tersegrad
