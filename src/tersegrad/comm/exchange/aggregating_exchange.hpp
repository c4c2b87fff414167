// What `server`, `sharded` and `allgather` share: messages go to whoever aggregates a bucket, the aggregate comes back.
#pragma once

#include "tersegrad/comm/exchange/exchange.hpp"
#include "tersegrad/comm/exchange/receive_slots.hpp"

namespace tersegrad {

/// Every bucket is aggregated by one rank, which broadcasts the aggregate, or by every rank for itself.
///
/// The messages travel as MPI_Gatherv and MPI_Bcast would carry them (straight to the root; down a binomial tree), but
/// point to point: a payload is received once its header has been checked and there is room for it, buckets overlap
/// and may start in any order, and nothing ends at 2^31 bytes, as the displacements of MPI_Gatherv do.
class AggregatingExchange : public Exchange {
 public:
  const AgentMap& map() const override { return map_; }
  void require(const Compressor&) const override {}
  std::size_t peak_buffer_bytes() const override { return slots_.peak_bytes(); }

 protected:
  AggregatingExchange(const ExchangeSetup& setup, const AgentMap& map)
      : Exchange(setup), map_(map), slots_(static_cast<std::size_t>(map.hosts())) {}
  std::unique_ptr<Flow> make_flow(const BucketJob& job) override;

 private:
  class AggregatingFlow;
  AgentMap map_;
  ReceiveSlots slots_;
};

}  // namespace tersegrad
