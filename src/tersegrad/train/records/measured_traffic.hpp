// What crossed the links of the agents' hosts: by the interfaces' count, and by this program's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/monitor/interface_counter.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/comm/mpi/nodes.hpp"

namespace tersegrad {

/// Bytes over all hosts with agents, from the first step to the last.
struct LinkTraffic {
  /// Everything on the wire: TCP/IP headers and acknowledgements, and the little that the laboratory sends for itself
  /// (timings of the log, evaluations within the run).
  InterfaceTraffic measured;
  /// Gradient messages between ranks of different hosts, wherever the agents and the server live.
  std::int64_t sent = 0, received = 0;

  LinkTraffic operator+(const LinkTraffic& other) const {
    return {measured + other.measured, sent + other.sent, received + other.received};
  }
};

/// Reads the interface that the environment variable TERSEGRAD_INTERFACE names (launch/netlab sets it) on one rank of
/// every host.
class TrafficMeasurement {
 public:
  /// The counters now, before any rank goes on. Collective. \throws Error if the variable names no interface
  explicit TrafficMeasurement(const Communicator& comm);

  /// What crossed the interfaces of all hosts with agents since the constructor; nothing unless every rank has an
  /// interface named. A server's host counts if agents live there, too. Collective.
  std::optional<LinkTraffic> total(const Communicator& comm, const AgentMap& map);

 private:
  std::string interface_;
  InterfaceTraffic start_;
  std::vector<std::int64_t> sent_to_, received_from_;  // at the start
  std::optional<Nodes> nodes_;
};

}  // namespace tersegrad
