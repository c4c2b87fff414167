// `tersegrad train --resume DIR`: the options of the run to go on with, and its newest checkpoint.
#pragma once

#include <memory>
#include <string>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/checkpoint/checkpoint.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/options/option_values.hpp"

namespace tersegrad {

/// The exit status of a run that a signal ended before its last step (EX_TEMPFAIL of sysexits.h).
inline constexpr int exit_interrupted = 75;

/// --resume's folder, or resume_auto. \throws Error for options that mean nothing beside it
std::string resumed_folder(const OptionValues& given);

/// Reads the newest sound checkpoint on rank 0 and completes the configuration from it, on every rank. Collective.
/// Says on standard error which checkpoints it had to pass over.
/// \param given   the command line: its options must say what the checkpoint says, or may differ
/// \param config  receives the run's configuration
/// \return the checkpoint on rank 0, null elsewhere
/// \throws CollectiveError: no sound checkpoint, a run that is finished or diverged, options that do not agree
std::unique_ptr<CheckpointFile> load_resumed(const Communicator& world, const std::string& folder,
                                             const OptionValues& given, TrainConfig& config);

}  // namespace tersegrad
