#include "tersegrad/train/records/measured_traffic.hpp"

#include <algorithm>
#include <cstdlib>

namespace tersegrad {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

TrafficMeasurement::TrafficMeasurement(const Communicator& comm)
    : interface_(environment("TERSEGRAD_INTERFACE")), sent_to_(comm.sent_to()), received_from_(comm.received_from()) {
  if (!interface_.empty()) start_ = read_interface(interface_);
  comm.barrier();  // the other ranks of this host send nothing before
}

std::optional<LinkTraffic> TrafficMeasurement::total(const Communicator& comm, const AgentMap& map) {
  // Whether it is measured at all must be the same everywhere: a rank alone may lack the variable.
  std::int64_t missing = interface_.empty() ? 1 : 0;
  comm.sum(std::span(&missing, 1));
  if (missing > 0) return std::nullopt;
  if (!nodes_) nodes_.emplace(comm);
  const int node = nodes_->of(comm.rank());
  const auto& here = nodes_->members(node);
  const auto speaker = std::find_if(here.begin(), here.end(), [&](int rank) { return map.is_host(rank); });
  std::int64_t values[6] = {};
  if (speaker != here.end()) {
    for (int peer = 0; peer < comm.size(); ++peer) {
      const auto p = static_cast<std::size_t>(peer);
      if (nodes_->of(peer) == node) continue;
      values[4] += comm.sent_to()[p] - sent_to_[p];
      values[5] += comm.received_from()[p] - received_from_[p];
    }
    if (*speaker == comm.rank()) {  // for its host
      const InterfaceTraffic seen = read_interface(interface_) - start_;
      values[0] = seen.sent_bytes;
      values[1] = seen.sent_packets;
      values[2] = seen.received_bytes;
      values[3] = seen.received_packets;
    }
  }
  comm.sum(std::span<std::int64_t>(values));
  return LinkTraffic{{values[0], values[1], values[2], values[3]}, values[4], values[5]};
}

}  // namespace tersegrad
