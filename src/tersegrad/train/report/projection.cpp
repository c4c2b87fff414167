#include "tersegrad/train/report/projection.hpp"

#include <limits>

#include "tersegrad/comm/exchange/downlink.hpp"

namespace tersegrad {

WireLoad wire_load(const RunResult& result) {
  const auto n = static_cast<double>(result.agents);
  const double dense = result.dense_bytes_per_step();
  const double both = result.uplink_bytes_per_step() + result.downlink_bytes_per_step();
  const auto ranks = static_cast<double>(result.processes);
  // The server receives every uplink and sends the aggregate to its children in a binomial tree; among peers every
  // rank sends as much as the others, and receives while it sends.
  const double this_run =
      result.has_server ? n * result.uplink_bytes_per_step() +
                              copies_from_root(static_cast<int>(result.processes)) * result.downlink_bytes_per_step()
                        : n * both / ranks;
  return {this_run, n * 2 * dense, 2 * (n - 1) / n * dense};
}

double local_step_s(const RunResult& result) {
  return (result.time.compute + result.time.compress + result.time.apply) / static_cast<double>(result.steps);
}

double projected_step_s(double local_s, double bytes, double bits_per_s) { return local_s + bytes * 8 / bits_per_s; }

double break_even_bits_per_s(const RunResult& result) {
  const auto load = wire_load(result);
  const double saved_bits = 8 * (load.dense_allreduce - load.this_run);
  const double cost_s = result.time.compress / static_cast<double>(result.steps);
  if (saved_bits <= 0) return 0;
  return cost_s > 0 ? saved_bits / cost_s : std::numeric_limits<double>::infinity();
}

}  // namespace tersegrad
