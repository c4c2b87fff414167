// What a run ends with.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tersegrad/comm/monitor/link_rate.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/log/value.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/objectives/compute_kind.hpp"
#include "tersegrad/train/records/evaluated_rows.hpp"
#include "tersegrad/train/records/run_totals.hpp"
#include "tersegrad/train/records/test_figures.hpp"

namespace tersegrad {

/// The outcome of a run; complete on rank 0.
struct RunResult : RunTotals {
  RunResult() = default;
  /// What is known before the first step; has_server apart. \param run with the number of agents resolved
  RunResult(const TrainConfig& run, const Compressor& its_compressor, const Noise& its_noise, const Layout& layout,
            int ranks);

  TrainConfig config;
  std::string compressor;  ///< canonical, e.g. "randk:106014"
  std::vector<std::string> parts;  ///< what traffic_of_parts is of, e.g. the rules of per-layer; one part: nothing to tell apart
  std::string noise;
  std::int64_t parameters = 0;  ///< d
  std::int64_t replicas = 1;    ///< R: d·R coordinates travel
  std::int64_t agents = 0;
  std::int64_t processes = 0;   ///< MPI ranks, the server's included
  bool has_server = false;
  bool diverged = false;
  bool interrupted = false;     ///< a signal ended it before its last step, or the evaluation behind that
  bool unstarted = false;       ///< interrupted before its first step: nothing was written, no file changed
  bool resumable = false;       ///< interrupted with a checkpoint to go on from: the log of its steps is left unfinished
  EvaluatedRows test_rows;      ///< of every evaluation; none in a run that makes none
  Evaluation test;
  bool unevaluated = false;     ///< a signal ended the evaluation behind the last step
  LinkRate link;                ///< measured as the run started; not of the algorithm's traffic
  double total_s = 0;           ///< wall clock of the step loop, without evaluation
  std::int64_t memory_peak_bytes = 0;         ///< physical memory, of the rank that needed most
  std::int64_t memory_peak_rank0_bytes = 0;   ///< of rank 0: the server, where there is one
  std::int64_t exchange_buffer_peak_bytes = 0;  ///< messages of others held at once, of the rank that held most
  std::uint64_t parameters_fingerprint = 0;
  ComputeKind compute;          ///< of all ranks
  std::string earlier_compute;  ///< other kinds that a resumed run was computed on before; "" if none
  double omega = std::numeric_limits<double>::quiet_NaN();  ///< ω of an unbiased compressor; NaN for others

  /// Whether it evaluates at all: --eval-every, and data to do so.
  bool evaluates() const { return test_rows.count > 0; }
  double uplink_bytes_per_step() const;    ///< per agent
  double downlink_bytes_per_step() const;  ///< per agent
  /// What was counted of what the agents' hosts sent to, and received from, other hosts, per agent; NaN if not.
  double link_sent_bytes_per_step() const;
  double link_received_bytes_per_step() const;
  /// What the interfaces measured without packet_overhead_bytes, per agent; NaN if nothing was measured.
  double measured_uplink_bytes_per_step() const;
  double measured_downlink_bytes_per_step() const;
  double dense_bytes_per_step() const {
    return 4.0 * static_cast<double>(parameters * replicas);
  }  ///< per agent and direction

  /// What it was computed on: attributes of the log and keys of the summary.
  LogFields compute_fields() const;
  /// summary.json's keys, in the order that scripts rely on.
  LogFields summary() const;
};

}  // namespace tersegrad
