#include "tersegrad/comm/exchange.hpp"

namespace tersegrad {

void check_uplinks(std::span<const Header> headers, const ExchangeJob& job, const AgentMap& map) {
  Expected expected{MessageKind::uplink, job.step, job.bucket, 0, compressor_id(job.compressor->name()),
                    job.compressor->max_payload_bytes(job.bucket)};
  for (std::uint32_t agent = 0; agent < headers.size(); ++agent) {
    expected.agent = agent;
    check(headers[agent], expected, concat("rank ", map.owner(agent)));
  }
}

void complete_aggregate_header(std::span<const Header> uplinks, const ExchangeJob& job, Message& aggregate) {
  Header& header = aggregate.header;
  header.kind = MessageKind::aggregate;
  header.step = job.step;
  header.bucket = job.bucket.index;
  header.agent = static_cast<std::uint32_t>(uplinks.size());
  header.compressor = compressor_id(job.compressor->name());
  header.dim = static_cast<std::uint64_t>(job.bucket.size());
  header.payload_bytes = aggregate.payload.size();
  double loss = 0;
  header.nonfinite = 0;
  for (const auto& uplink : uplinks) {
    header.flags |= uplink.flags & control_flags;
    loss += static_cast<double>(uplink.loss);
    header.nonfinite += uplink.nonfinite > 0 ? 1u : 0u;
  }
  header.loss = static_cast<float>(loss / static_cast<double>(uplinks.size()));
}

}  // namespace tersegrad
