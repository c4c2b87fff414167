// On what a run is computed: between its ranks, and before and after a resume.
#pragma once

#include <string>

#include "tersegrad/train/checkpoint/checkpoint.hpp"
#include "tersegrad/train/report/result.hpp"
#include "tersegrad/train/step/run_parts.hpp"

namespace tersegrad {

/// Compares what the ranks compute on, and what a resumed run was computed on before; where either differs, rank 0 says
/// so in one line on standard error, and the run goes on. Fills `result` (compute, earlier_compute) and, on rank 0,
/// the history that goes into checkpoints. Collective.
/// \param start on rank 0, of a resumed run; else null
/// \return how the ranks differ, on every rank; "" if they do not
std::string compare_compute(const Communicator& comm, RunParts& parts, RunResult& result, const CheckpointFile* start);

}  // namespace tersegrad
