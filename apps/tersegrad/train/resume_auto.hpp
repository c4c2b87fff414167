// `tersegrad train --resume auto --out DIR`: goes on where there is something to go on with, and starts otherwise.
#pragma once

#include <string>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/options/option_values.hpp"

namespace tersegrad {

/// What --resume says for it. A folder of this name is "./auto".
inline constexpr const char* resume_auto = "auto";

enum class NextStart {
  anew,      ///< there is no run, or one without a checkpoint, killed before its first: config.overwrite is then set
  resumed,   ///< there is a run with checkpoints
  finished,  ///< a batch system has started a run again that has nothing left to do
};

/// Rank 0 looks at config.out, and says on standard output what it found; all ranks get its answer. Collective.
///
/// A finished run with fewer steps than --steps asks for goes on as well; with --overwrite a finished run is replaced,
/// and an unfinished one still goes on: that is what a job with --overwrite means by its second start.
/// \param given   the command line; what it says of a finished run must be true
/// \param config  what the command line says
/// \throws CollectiveError: a folder that cannot be looked at (it is not empty), a finished run with other options, or
/// one to be made longer that has kept no checkpoint
NextStart next_start(const Communicator& world, const OptionValues& given, TrainConfig& config);

/// The options that --match stands for, with the values that it chose: a run that goes on must have them.
/// \param given the command line: a compressor that it names is there already, and may have its --sign-zero
OptionValues matched_options(const TrainConfig& config, const OptionValues& given);

}  // namespace tersegrad
