// The loop: gradients, compression, exchange, update.
#pragma once

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/objectives/objective_factory.hpp"
#include "tersegrad/train/report/result.hpp"

namespace tersegrad {

struct CheckpointFile;

/// Trains as `config` says. Collective over `comm`; every rank passes the same configuration.
///
/// The trajectory depends on the configuration alone: not on the number of ranks, the bucket size or the exchange
/// (mpi-allreduce excepted).
/// \param start on rank 0: the checkpoint to go on from, emptied once it is restored; elsewhere, and without one, null.
///        `config` is then that of the run which wrote it, but for what may differ (may_differ), and config.out its
///        folder: the log there is taken up again
/// \return the outcome, complete on rank 0
/// \throws CollectiveError for anything wrong with the set-up; Error on one rank for what fails in mid-run
RunResult train(const Communicator& comm, const TrainConfig& config, const ObjectiveFactory& make_objective,
                CheckpointFile* start = nullptr);

}  // namespace tersegrad
