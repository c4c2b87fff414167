// Every agent's message to every rank, each of which aggregates for itself: one hop, best for few agents.
#include "tersegrad/comm/exchange/aggregating_exchange.hpp"

namespace tersegrad {
namespace {

class AllGatherExchange final : public AggregatingExchange {
 public:
  explicit AllGatherExchange(const ExchangeSetup& setup)
      : AggregatingExchange(setup, AgentMap(setup.agents, 0, setup.comm->size())) {}
  std::string name() const override { return "allgather"; }
  bool has_server() const override { return false; }

 private:
  int root(const Bucket&) const override { return everyone; }
  bool counted_on_root() const override { return false; }
};

const Registration<Exchange, const ExchangeSetup&> registration{
    "allgather", "every agent's message to all ranks, aggregated by each: one hop, best for few agents", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<AllGatherExchange>(setup); }};

}  // namespace
}  // namespace tersegrad
