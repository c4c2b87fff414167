// Exchange strategies: how the agents' messages come together and the aggregate comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tersegrad/comm/agent_map.hpp"
#include "tersegrad/comm/communicator.hpp"
#include "tersegrad/comm/traffic.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// What an exchange is made for.
struct ExchangeSetup {
  const Communicator* comm = nullptr;
  std::uint32_t agents = 1;
};

/// One bucket on its way.
struct ExchangeJob {
  std::uint64_t step = 0;
  Bucket bucket;
  const Compressor* compressor = nullptr;
  std::span<Message> local;  ///< this rank's agents' messages, in agent order, headers complete
  std::uint8_t control = 0;  ///< this rank's control flags, also in its messages; the aggregate has the union of all ranks'
};

/// A strategy. The same numbers come out of each, on any number of ranks.
class Exchange {
 public:
  static constexpr const char* family = "exchange";
  virtual ~Exchange() = default;
  virtual std::string name() const = 0;
  virtual const AgentMap& map() const = 0;
  /// \throws Error if this strategy cannot carry the compressor (allreduce: only `none`)
  virtual void require(const Compressor& compressor) const = 0;
  /// Carries one bucket: afterwards every rank holds the same aggregate. Collective over the communicator.
  ///
  /// Every header and length is checked before a payload is read.
  /// \param traffic complete on rank 0: what the step's messages cost is added to it
  /// \throws Error (on the rank that saw it) if a message is not what it must be
  virtual void run(const ExchangeJob& job, Aggregator& aggregator, Message& aggregate, Traffic& traffic) = 0;

  /// True if rank 0 only serves and hosts no agents.
  virtual bool has_server() const = 0;
};

using ExchangeRegistry = Registry<Exchange, const ExchangeSetup&>;

/// Checks all N uplink headers of a bucket, in agent order. \throws Error naming rank and agent
void check_uplinks(std::span<const Header> headers, const ExchangeJob& job, const AgentMap& map);

/// Completes an aggregate's header from the checked uplinks: step, bucket, number of agents, mean loss (summed in
/// agent order), the number of agents with non-finite coordinates and the union of their control flags.
void complete_aggregate_header(std::span<const Header> uplinks, const ExchangeJob& job, Message& aggregate);

}  // namespace tersegrad
