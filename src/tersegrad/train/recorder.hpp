// Turns steps into log records: rank 0 writes, the other ranks contribute their timings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "tersegrad/comm/agent_map.hpp"
#include "tersegrad/comm/communicator.hpp"
#include "tersegrad/log/log.hpp"
#include "tersegrad/train/result.hpp"

namespace tersegrad {

/// One logged step, as rank 0 knows it (elsewhere only `time` matters).
struct StepRecord {
  std::int64_t step = 0;  ///< counted from 1: updates made, this one included
  double time_s = 0;  ///< wall clock since the first step began
  double loss = 0;    ///< mean over agents, before the update
  double learning_rate = 0;
  double update_norm = 0;  ///< ‖aggregated update‖₂
  Traffic traffic;
  std::int64_t nonfinite_agents = 0;
  TimeSplit time;
  Evaluation test{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  std::vector<double> observed;  ///< the objective's observables; empty except on rank 0
  std::vector<double> noise;     ///< the noise report's columns; empty without one and except on rank 0
};

/// Collects records and hands them to the log in blocks, so that the ranks' timings cost one reduction a block.
class Recorder {
 public:
  /// The columns of every record, in order; the objective's observables follow them.
  /// \param evaluates whether the run has test figures: without, there are no columns of them
  static std::vector<SeriesInfo> columns(bool evaluates = true);

  /// \param log null on ranks other than 0
  Recorder(const Communicator& comm, const AgentMap& map, Log* log, bool evaluates = true);

  /// Every rank calls it at the same steps. Collective when it fills a block of 64.
  void add(const StepRecord& record);
  /// Writes what is held back. Collective.
  void flush();
  /// Writes what is held back, and returns what would follow for this record instead of writing it (on rank 0).
  /// Collective.
  std::vector<double> row(const StepRecord& record);

 private:
  std::vector<std::vector<double>> take_rows();

  const Communicator& comm_;
  const AgentMap& map_;
  Log* log_;
  std::ptrdiff_t test_figures_ = -1;  // the first column of two that are left out; -1: none
  std::vector<StepRecord> held_;
};

}  // namespace tersegrad
