// Which rank hosts which agents: agents are not processes.
#pragma once

#include <cstdint>

namespace tersegrad {

/// N agents in contiguous blocks over the hosting ranks [first_rank, first_rank + hosts), sizes differing by at
/// most one, so that rank order is agent order.
class AgentMap {
 public:
  /// \param agents 0: one for each host
  /// \throws Error unless 1 ≤ hosts ≤ agents: a hosting rank without an agent would do nothing
  AgentMap(std::uint32_t agents, int first_rank, int hosts);

  std::uint32_t agents() const { return agents_; }
  int first_rank() const { return first_rank_; }
  int hosts() const { return hosts_; }
  bool is_host(int rank) const { return rank >= first_rank_ && rank < first_rank_ + hosts_; }
  /// The agents of a rank are [begin(rank), end(rank)); empty on a rank that hosts none.
  std::uint32_t begin(int rank) const;
  std::uint32_t end(int rank) const { return is_host(rank) ? begin(rank + 1) : begin(rank); }
  std::uint32_t count(int rank) const { return end(rank) - begin(rank); }
  int owner(std::uint32_t agent) const;

 private:
  std::uint32_t agents_;
  int first_rank_;
  int hosts_;
};

}  // namespace tersegrad
