#include "tersegrad/comm/exchange/agent_map.hpp"

#include <algorithm>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

AgentMap::AgentMap(std::uint32_t agents, int first_rank, int hosts)
    : agents_(agents == 0 ? static_cast<std::uint32_t>(hosts) : agents), first_rank_(first_rank), hosts_(hosts) {
  TERSEGRAD_CHECK(hosts >= 1, "a run needs at least one rank that hosts agents");
  TERSEGRAD_CHECK(static_cast<std::uint32_t>(hosts) <= agents_, hosts, " ranks for ", agents_,
                  " agents (a rank without an agent would do nothing); start fewer ranks or set --agents");
}

std::uint32_t AgentMap::begin(int rank) const {
  const auto host = static_cast<std::uint64_t>(std::clamp(rank - first_rank_, 0, hosts_));
  return static_cast<std::uint32_t>(host * agents_ / static_cast<std::uint64_t>(hosts_));
}

int AgentMap::owner(std::uint32_t agent) const {
  for (int rank = first_rank_; rank < first_rank_ + hosts_; ++rank) {
    if (agent < end(rank)) return rank;
  }
  throw Error(concat("agent ", agent, " does not exist (", agents_, " agents)"));
}

}  // namespace tersegrad
