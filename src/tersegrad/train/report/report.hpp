// The table that a run ends with.
#pragma once

#include <string>

#include "tersegrad/train/report/result.hpp"

namespace tersegrad {

/// Steps, time, loss and accuracy in one line.
std::string outcome(const RunResult& result);

/// How a run that a signal ended can go on, in one line.
std::string resumable_end(const RunResult& result);

/// What was saved against dense fp32 (through the star and as an all-reduce), where the time went, and the step time
/// to expect at 100 Mbit/s, 1, 10 and 100 Gbit/s. Several lines of plain text.
std::string savings_report(const RunResult& result);

}  // namespace tersegrad
