#include "tersegrad/train/measured_traffic.hpp"

#include <cstdlib>

namespace tersegrad {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

TrafficMeasurement::TrafficMeasurement() : interface_(environment("TERSEGRAD_INTERFACE")) {
  if (!interface_.empty()) start_ = read_interface(interface_);
}

std::optional<InterfaceTraffic> TrafficMeasurement::total(const Communicator& comm, const AgentMap& map) const {
  // Whether it is measured at all must be the same everywhere: a rank alone may lack the variable.
  std::int64_t values[5] = {interface_.empty() ? 1 : 0, 0, 0, 0, 0};
  // One rank speaks for its host: the first of the launcher's numbering there that has agents.
  const std::string local = environment("OMPI_COMM_WORLD_LOCAL_RANK");
  const bool speaks = map.is_host(comm.rank()) && (local.empty() || local == "0" || comm.rank() == map.first_rank());
  if (!interface_.empty() && speaks) {
    const InterfaceTraffic seen = read_interface(interface_) - start_;
    values[1] = seen.sent_bytes;
    values[2] = seen.sent_packets;
    values[3] = seen.received_bytes;
    values[4] = seen.received_packets;
  }
  comm.sum(std::span<std::int64_t>(values));
  if (values[0] > 0) return std::nullopt;
  return InterfaceTraffic{values[1], values[2], values[3], values[4]};
}

}  // namespace tersegrad
