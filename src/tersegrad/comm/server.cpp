// The star: every agent's message to rank 0 by MPI_Gather(v), the packed aggregate back by MPI_Bcast.
#include <vector>

#include "tersegrad/comm/exchange.hpp"

namespace tersegrad {
namespace {

constexpr int server = 0;

class ServerExchange final : public Exchange {
 public:
  explicit ServerExchange(const ExchangeSetup& setup)
      : comm_(*setup.comm), map_(setup.agents, server + 1, hosting_ranks(*setup.comm)) {}

  std::string name() const override { return "server"; }
  const AgentMap& map() const override { return map_; }
  void require(const Compressor&) const override {}
  bool has_server() const override { return true; }

  void run(const ExchangeJob& job, Aggregator& aggregator, Message& aggregate, Traffic& traffic) override {
    gather_headers(job);
    gather_payloads(job);
    if (comm_.rank() == server) {
      uplinks_.clear();
      std::size_t begin = 0;
      for (const auto& header : headers_) {
        uplinks_.push_back({header, std::span(payloads_).subspan(begin, header.payload_bytes)});
        begin += header.payload_bytes;
        traffic.uplink.add(static_cast<std::int64_t>(header.payload_bytes), sizeof(Header));
      }
      aggregator.merge(job.bucket, uplinks_, aggregate);
      complete_aggregate_header(headers_, job, aggregate);
      aggregate.header.flags |= job.control;  // the server sends no message of its own
    }
    broadcast(job, aggregate);
    // Every agent receives the aggregate.
    traffic.downlink.add(static_cast<std::int64_t>(map_.agents() * aggregate.header.payload_bytes),
                         static_cast<std::int64_t>(map_.agents() * sizeof(Header)));
  }

 private:
  static int hosting_ranks(const Communicator& comm) {
    TERSEGRAD_CHECK(comm.size() >= 2, "exchange 'server' needs at least 2 ranks (a server and a rank that hosts agents), got ",
                    comm.size(), "; start it as: launch/local -n 4 train …, or mpirun -np 5 tersegrad train …");
    return comm.size() - 1;
  }

  /// The headers travel first and are checked: only then does anyone believe a length.
  void gather_headers(const ExchangeJob& job) {
    // MPI_Gatherv, because the server has none and hosts may have one more or one less.
    mine_.clear();
    for (const auto& message : job.local) mine_.push_back(message.header);
    lengths_.assign(static_cast<std::size_t>(comm_.size()), 0);
    for (int r = 0; r < comm_.size(); ++r) lengths_[static_cast<std::size_t>(r)] = map_.count(r) * sizeof(Header);
    if (comm_.rank() == server) headers_.resize(map_.agents());
    comm_.gather_pieces(bytes_of(std::span<const Header>(mine_)), lengths_, bytes_of(std::span(headers_)), server);
    if (comm_.rank() == server) check_uplinks(headers_, job, map_);
  }

  void gather_payloads(const ExchangeJob& job) {
    lengths_.assign(static_cast<std::size_t>(comm_.size()), 0);
    std::size_t total = 0;
    if (comm_.rank() == server) {
      for (std::uint32_t a = 0; a < map_.agents(); ++a) {
        lengths_[static_cast<std::size_t>(map_.owner(a))] += headers_[a].payload_bytes;
        total += headers_[a].payload_bytes;
      }
      if (payloads_.size() < total) payloads_.resize(total);
    }
    std::span<const std::byte> out;
    if (job.local.size() == 1) {
      out = job.local.front().payload;  // the usual case: nothing to join
    } else {
      joined_.clear();
      for (const auto& message : job.local) joined_.insert(joined_.end(), message.payload.begin(), message.payload.end());
      out = joined_;
    }
    comm_.gather_pieces(out, lengths_, std::span(payloads_).first(total), server);
  }

  void broadcast(const ExchangeJob& job, Message& aggregate) {
    comm_.broadcast(bytes_of(std::span(&aggregate.header, 1)), server);
    if (comm_.rank() != server) {
      check(aggregate.header,
            {MessageKind::aggregate, job.step, job.bucket, map_.agents(), compressor_id(job.compressor->name()),
             job.compressor->max_payload_bytes(job.bucket)},
            "the server");
      aggregate.payload.resize(aggregate.header.payload_bytes);
    }
    comm_.broadcast(aggregate.payload, server);
  }

  const Communicator& comm_;
  AgentMap map_;
  std::vector<Header> mine_, headers_;
  std::vector<std::size_t> lengths_;
  Buffer<std::byte> payloads_, joined_;
  std::vector<MessageView> uplinks_;
};

const Registration<Exchange, const ExchangeSetup&> registration{
    "server", "MPI_Gather to rank 0, MPI_Bcast of the packed aggregate (the default)", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<ServerExchange>(setup); }};

}  // namespace
}  // namespace tersegrad
