// What the algorithm's gradient traffic cost, counted where messages are handed to MPI.
#pragma once

#include <cstdint>

namespace tersegrad {

/// Bytes of one direction, summed over agents.
struct DirectionTraffic {
  std::int64_t payload = 0;
  std::int64_t header = 0;
  std::int64_t total() const { return payload + header; }
  void add(std::int64_t payload_bytes, std::int64_t header_bytes) {
    payload += payload_bytes;
    header += header_bytes;
  }
};

/// Gradient traffic of one step over all agents; complete on rank 0. The laboratory's own traffic (shared full
/// gradient, evaluation, set-up, the counts themselves) is not in it.
///
/// A byte from one rank to another counts once, where it is sent: up if it is on its way to where agents are
/// aggregated, down if it is an aggregate's. With m_i agent i's message, a the aggregate (each with its 64-byte
/// header), P ranks and N agents, bucket by bucket:
///
/// | strategy | uplink | downlink |
/// |---|---|---|
/// | server | Σ m_i | N·a: each agent's copy, although agents of one rank share theirs |
/// | sharded | Σ m_i of agents that are not on the rank that serves the bucket | (P − 1)·a |
/// | allgather | (P − 1)·Σ m_i: every message goes to every other rank | 0 |
/// | hierarchical | Σ m_i of agents not on their node's first rank; from each node but the one that serves, a partial sum with
/// its header and its agents' headers | (P − 1)·a |
/// | allreduce, mpi-allreduce | (P − 1)·4d, and every header to every other rank | (P − 1)·4d |
///
/// The running sums of `allreduce` have a header for each segment (OrderedSum), (P − 1) times up and down.
struct Traffic {
  DirectionTraffic uplink;
  DirectionTraffic downlink;
  std::int64_t within_nodes = 0;  ///< bytes of both that never left a node; only `hierarchical` knows, others say 0

  Traffic& operator+=(const Traffic& other) {
    uplink.add(other.uplink.payload, other.uplink.header);
    downlink.add(other.downlink.payload, other.downlink.header);
    within_nodes += other.within_nodes;
    return *this;
  }
};

}  // namespace tersegrad
