// The log of a run on rank 0, and the folder that it goes to.
#pragma once

#include <optional>
#include <vector>

#include "tersegrad/log/write/log.hpp"
#include "tersegrad/log/write/output_folder.hpp"
#include "tersegrad/train/report/result.hpp"

namespace tersegrad {

/// Claims the run's folder (if any) and begins the log: every option, then what the options came to, as the
/// configuration; Recorder's columns, then `observables`.
/// \param run    as it is before its first step
/// \param folder receives the claim, which must last as long as the run
/// \param past   the records of a resumed run's past are repeated from its log (PastRecords); that they did not come
///               from run.h5 is said on standard error
/// \return where past.held: the record that the past's log has behind those (PastRecords::following)  \throws Error
std::optional<std::vector<double>> begin_run_log(Log& log, std::optional<OutputFolder>& folder, const RunResult& run,
                   const std::vector<SeriesInfo>& observables, const LogPast& past = {});

}  // namespace tersegrad
