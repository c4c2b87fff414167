// What of a run goes into a checkpoint, and how a run is set back to it.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/train/checkpoint/checkpoint.hpp"
#include "tersegrad/train/records/run_counters.hpp"
#include "tersegrad/train/step/run_parts.hpp"

namespace tersegrad {

/// A run between two steps, in memory of its own: complete on rank 0, empty elsewhere.
///
/// Sections: "configuration" (TrainConfig::lines()), "counters", "compute" (RunParts::compute_history), "plugins" (if any are loaded), "parameters",
/// "velocity" (momentum), "aggregator/NAME" (what every rank's aggregator remembers alike), "encoder/NAME" (what the
/// agents' encoders remember, in agent order), "statistics" (BatchNorm's, in agent order) and "record" (a HeldRecord, if
/// there is one). All else that a step depends on is a function of the configuration
/// and the step. Nothing says how many ranks there were: agents are not processes.
struct Snapshot {
  std::uint64_t step = 0;
  std::vector<std::pair<std::string, Buffer<std::byte>>> sections;

  CheckpointView view() const;
};

/// Collective, between two steps. Agents' memories travel to rank 0, which needs room for all of them, with checksums.
/// \param counters complete on rank 0 \param held on rank 0: the record that waits for its evaluation; empty: none
Snapshot take_snapshot(const Communicator& comm, RunParts& parts, const RunCounters& counters,
                       std::span<const double> held = {});

/// Sets the parts to what the checkpoint says, each agent's memory on the rank that hosts it now. Collective.
/// \param checkpoint on rank 0; null elsewhere
/// \return the counters, everywhere
/// \throws CollectiveError if the checkpoint is of another configuration, or lacks anything
RunCounters restore_snapshot(const Communicator& comm, RunParts& parts, const CheckpointView* checkpoint);

}  // namespace tersegrad
