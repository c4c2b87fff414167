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
/// gradient, evaluation, set-up) is not in it.
struct Traffic {
  DirectionTraffic uplink;
  DirectionTraffic downlink;
};

}  // namespace tersegrad
