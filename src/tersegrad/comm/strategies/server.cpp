// The star: every agent's message to rank 0, the packed aggregate back.
#include "tersegrad/comm/exchange/aggregating_exchange.hpp"

namespace tersegrad {
namespace {

constexpr int server = 0;

class ServerExchange final : public AggregatingExchange {
 public:
  explicit ServerExchange(const ExchangeSetup& setup)
      : AggregatingExchange(setup, AgentMap(setup.agents, server + 1, hosting_ranks(*setup.comm))) {}
  std::string name() const override { return "server"; }
  bool has_server() const override { return true; }

 private:
  static int hosting_ranks(const Communicator& comm) {
    TERSEGRAD_CHECK(comm.size() >= 2,
                    "exchange 'server' needs at least 2 ranks (a server and a rank that hosts agents), got ",
                    comm.size(), "; start it as: launch/local -n 4 train …, or mpirun -np 5 tersegrad train …");
    return comm.size() - 1;
  }
  int root(const Bucket&) const override { return server; }
  bool counted_on_root() const override { return true; }
};

const Registration<Exchange, const ExchangeSetup&> registration{
    "server", "gather to rank 0, broadcast of the packed aggregate, bucket by bucket (the default)", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<ServerExchange>(setup); }};

}  // namespace
}  // namespace tersegrad
