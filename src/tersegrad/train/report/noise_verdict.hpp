// What the paper's results say of measured noise.
#pragma once

#include <string>

#include "tersegrad/train/report/result.hpp"

namespace tersegrad {

/// The last noise report of a run, as a table and in sentences: which compressors this noise allows, the noise factor ω
/// that is affordable at the run's learning rate and N, and what the figures do not tell. Empty without a report.
///
/// Sentences follow from intervals, not from estimates: where ν's interval holds 2, the text says that it cannot tell.
std::string noise_verdict(const RunResult& result);

}  // namespace tersegrad
