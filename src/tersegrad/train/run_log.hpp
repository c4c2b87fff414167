// The log of a run on rank 0, and the folder that it goes to.
#pragma once

#include <optional>
#include <vector>

#include "tersegrad/log/log.hpp"
#include "tersegrad/log/output_folder.hpp"
#include "tersegrad/train/config.hpp"

namespace tersegrad {

/// Claims config.out (if any) and begins the log: every option, then `resolved` (what the options came to), as the
/// configuration; Recorder's columns, then `observables`.
/// \param folder receives the claim, which must last as long as the run
/// \param past   the records of a resumed run's past are repeated from its log (PastRecords); that they did not come
///               from run.h5 is said on standard error  \throws Error
void begin_run_log(Log& log, std::optional<OutputFolder>& folder, const TrainConfig& config, const LogFields& resolved,
                   const std::vector<SeriesInfo>& observables, const LogPast& past = {});

}  // namespace tersegrad
