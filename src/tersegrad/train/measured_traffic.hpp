// What the hosts' network interfaces counted during a run, beside what the traffic meter did.
#pragma once

#include <optional>
#include <string>

#include "tersegrad/comm/agent_map.hpp"
#include "tersegrad/comm/communicator.hpp"
#include "tersegrad/comm/interface_counter.hpp"

namespace tersegrad {

/// Reads the interface that the environment variable TERSEGRAD_INTERFACE names (launch/netlab sets it) on one rank of
/// every host. It counts everything on the wire: TCP/IP headers and acknowledgements, and the little that the
/// laboratory sends for itself (timings of the log, evaluations within the run).
class TrafficMeasurement {
 public:
  /// The counters now. \throws Error if the variable names no interface
  TrafficMeasurement();

  /// What crossed the interfaces of all hosts with agents since the constructor; nothing where no interface is named.
  /// Collective. A host on which the server lives beside agents counts as well.
  std::optional<InterfaceTraffic> total(const Communicator& comm, const AgentMap& map) const;

 private:
  std::string interface_;
  InterfaceTraffic start_;
};

}  // namespace tersegrad
