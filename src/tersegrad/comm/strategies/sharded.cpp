// Every rank serves its share of the buckets: all-to-all of messages, all-gather of aggregates, no busiest link.
#include <algorithm>

#include "tersegrad/comm/exchange/aggregating_exchange.hpp"

namespace tersegrad {
namespace {

class ShardedExchange final : public AggregatingExchange {
 public:
  explicit ShardedExchange(const ExchangeSetup& setup)
      : AggregatingExchange(setup, AgentMap(setup.agents, 0, setup.comm->size())) {}
  std::string name() const override { return "sharded"; }
  bool has_server() const override { return false; }

  /// Equal buckets whose number is a multiple of P: every rank serves 1/P, also where one bucket would hold all.
  std::int64_t bucket_size(std::int64_t total, std::int64_t wanted) const override {
    const std::int64_t ranks = comm().size();
    const std::int64_t share = std::max<std::int64_t>(1, (total + ranks - 1) / ranks);
    const std::int64_t rounds = (share - 1) / std::max<std::int64_t>(1, wanted) + 1;
    return (share - 1) / rounds + 1;
  }

 private:
  int root(const Bucket& bucket) const override {
    return static_cast<int>(bucket.index % static_cast<std::uint32_t>(comm().size()));
  }
  bool counted_on_root() const override { return false; }
};

const Registration<Exchange, const ExchangeSetup&> registration{
    "sharded", "every rank serves 1/P of the coordinates: messages all-to-all, aggregates to all, no hot spot", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<ShardedExchange>(setup); }};

}  // namespace
}  // namespace tersegrad
