// Every agent's message to every rank, each of which merges for itself: one hop, best for few agents.
#include "tersegrad/comm/merging.hpp"

namespace tersegrad {
namespace {

class AllGatherExchange final : public MergingExchange {
 public:
  explicit AllGatherExchange(const ExchangeSetup& setup)
      : MergingExchange(setup, AgentMap(setup.agents, 0, setup.comm->size())) {}
  std::string name() const override { return "allgather"; }
  bool has_server() const override { return false; }

 private:
  int merger(const Bucket&) const override { return everyone; }
  bool counted_on_root() const override { return false; }
};

const Registration<Exchange, const ExchangeSetup&> registration{
    "allgather", "every agent's message to all ranks, merged by each: one hop, best for few agents", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<AllGatherExchange>(setup); }};

}  // namespace
}  // namespace tersegrad
