// Test-set evaluation, shared by all ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/objectives/objective.hpp"
#include "tersegrad/train/records/test_figures.hpp"

namespace tersegrad {

/// Told in mid-evaluation: chunks done by all ranks, of so many.
using EvaluationListener = std::function<void(std::int64_t done, std::int64_t chunks)>;

/// Every rank evaluates its part of the test chunks; the sums are formed in chunk order, so the result does not depend
/// on the number of ranks. Running statistics (BatchNorm) are the agents' mean, summed in agent order. Collective.
///
/// SIGTERM or SIGINT on any rank (StopSignal) ends it on all of them within a second, but for what a rank cannot leave:
/// a layer of the network that tells of its progress, or a chunk of one that does not. An evaluation that is done half a
/// second after the signal is still made.
/// \param told on rank 0; may be empty
/// \return none where a signal ended it, on every rank
std::optional<Evaluation> evaluate(const Communicator& comm, const AgentMap& map, Objective& objective,
                                   const EvaluationListener& told = {});

}  // namespace tersegrad
