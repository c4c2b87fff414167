// Turns steps into log records: rank 0 writes, the other ranks contribute their timings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/log/write/log.hpp"
#include "tersegrad/train/records/elapsed.hpp"
#include "tersegrad/train/records/step_record.hpp"

namespace tersegrad {

/// Collects records and hands them to the log in blocks, so that the ranks' timings cost one reduction a block.
class Recorder {
 public:
  /// The columns of every record, in order; the objective's observables follow them.
  /// \param evaluates whether the run has test figures: without, there are no columns of them
  /// \param parts of the compressor (BucketPlan::parts): with several there are columns of what each sends
  static std::vector<SeriesInfo> columns(bool evaluates = true, const std::vector<std::string>& parts = {});

  /// \param log  null on ranks other than 0
  /// \param past of a resumed run: the means of what it took before
  Recorder(const Communicator& comm, const AgentMap& map, Log* log, bool evaluates = true, const Elapsed& past = {})
      : comm_(comm), map_(map), log_(log), evaluates_(evaluates), past_(past), latest_(past) {}

  /// Every rank calls it at the same steps. Collective when it fills a block of 64.
  void add(const StepRecord& record);
  /// Writes what is held back. Collective.
  void flush();
  /// Writes what is held back, and returns what would follow for this record instead of writing it (on rank 0).
  /// Collective.
  std::vector<double> row(const StepRecord& record);
  /// What the run had taken when the last record was made that left here, the past included: its figures to the last bit.
  const Elapsed& latest() const { return latest_; }

 private:
  std::vector<std::vector<double>> take_rows();

  const Communicator& comm_;
  const AgentMap& map_;
  Log* log_;
  bool evaluates_;
  Elapsed past_, latest_;
  std::vector<StepRecord> held_;
};

}  // namespace tersegrad
