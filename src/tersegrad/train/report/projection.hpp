// The step time to expect at other link speeds, from what a run measured.
#pragma once

#include "tersegrad/train/report/result.hpp"

namespace tersegrad {

/// Bytes that the busiest link carries per step, the two directions added: what a step waits for on slow networks.
struct WireLoad {
  double this_run = 0;         ///< star: N·up + ⌈log2 P⌉·down at the server; among peers: what a rank sends
  double dense_star = 0;       ///< N·2·4d
  double dense_allreduce = 0;  ///< 2(N − 1)/N·4d, the bandwidth-optimal all-reduce
};
WireLoad wire_load(const RunResult& result);

/// A step without the network: compute + compress + apply, seconds.
double local_step_s(const RunResult& result);

/// local step + bytes·8/rate. An estimate: no overlap, no latency. \param bits_per_s > 0
double projected_step_s(double local_s, double bytes, double bits_per_s);

/// The link speed in bit/s below which this run's step is shorter than a dense all-reduce's of the same agents
/// (whose step costs no compression): infinity where compression is never slower, 0 where it never pays.
double break_even_bits_per_s(const RunResult& result);

}  // namespace tersegrad
