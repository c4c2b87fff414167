#include "tersegrad/comm/exchange/agent_map.hpp"

#include <gtest/gtest.h>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

TEST(AgentMap, ContiguousBlocksInRankOrder) {
  for (std::uint32_t agents = 1; agents <= 40; ++agents) {
    for (int hosts = 1; hosts <= static_cast<int>(agents); ++hosts) {
      for (const int first : {0, 1}) {
        const AgentMap map(agents, first, hosts);
        std::uint32_t next = 0;
        for (int rank = 0; rank < first + hosts; ++rank) {
          EXPECT_EQ(map.begin(rank), rank < first ? 0 : next);
          EXPECT_EQ(map.count(rank) > 0, map.is_host(rank));
          EXPECT_LE(map.count(rank),
                    (agents + static_cast<std::uint32_t>(hosts) - 1) / static_cast<std::uint32_t>(hosts));
          for (std::uint32_t a = map.begin(rank); a < map.end(rank); ++a) EXPECT_EQ(map.owner(a), rank);
          next = map.end(rank);
        }
        EXPECT_EQ(next, agents);
      }
    }
  }
}

TEST(AgentMap, ZeroMeansOneForEachHost) { EXPECT_EQ(AgentMap(0, 1, 3).agents(), 3u); }

TEST(AgentMap, RefusesHostsWithoutAgents) {
  EXPECT_THROW(AgentMap(2, 0, 3), Error);
  EXPECT_THROW(AgentMap(2, 0, 0), Error);
  EXPECT_THROW(AgentMap(2, 0, 1).owner(2), Error);
}

}  // namespace
}  // namespace tersegrad
