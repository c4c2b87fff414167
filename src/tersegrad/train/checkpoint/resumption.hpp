// What a checkpoint's sections must say for a run to go on from it: their reading, without ranks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/train/checkpoint/checkpoint.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/records/run_counters.hpp"

namespace tersegrad {

/// The section, which must have so many bytes. \throws Error if it has not, or is not there
std::span<const std::byte> sized_section(const CheckpointView& checkpoint, const std::string& name,
                                         std::uint64_t bytes);

/// The section "configuration": TrainConfig::lines() of the run. \throws Error if there is none
std::string configuration_of(const CheckpointView& checkpoint);

/// The section "compute"; "" where an earlier version has written none.
std::string compute_history_of(const CheckpointView& checkpoint);

/// A run goes on as it began (require_same_run). Where it has made all its steps, what is left is their evaluation and
/// the summary. It may be extended; the steps that it has made must have had the learning rates that the longer run has
/// there. \throws Error naming the first option that stands in the way
void require_resumable(const CheckpointView& checkpoint, const TrainConfig& config);

/// The section "counters". \throws Error unless it holds possible ones of the checkpoint's step
RunCounters counters_of(const CheckpointView& checkpoint);

/// The section of a HeldRecord's values.
inline constexpr const char* held_record_section = "record";

/// Those values; none where the checkpoint has no such record. \throws Error if they are no whole numbers of 8 bytes
std::vector<double> held_record_of(const CheckpointView& checkpoint);

}  // namespace tersegrad
