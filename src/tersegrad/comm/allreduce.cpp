// All-reduce of uncompressed fp32, twice: `allreduce` in agent order, `mpi-allreduce` by the MPI library.
//
// MPI_Allreduce may add in any order, and its order changes with the number of ranks, so its bits cannot be the
// server's. `allreduce` therefore adds along a pipelined chain (ordered_sum), which costs the bytes of a ring and
// uses both directions of a link at once. `mpi-allreduce` is the baseline of what the MPI library itself brings.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tersegrad/comm/exchange.hpp"
#include "tersegrad/comm/ordered_sum.hpp"

namespace tersegrad {
namespace {

class AllReduceExchange : public Exchange {
 public:
  explicit AllReduceExchange(const ExchangeSetup& setup)
      : comm_(*setup.comm), map_(setup.agents, 0, setup.comm->size()) {}

  const AgentMap& map() const override { return map_; }
  bool has_server() const override { return false; }
  void require(const Compressor& compressor) const override {
    TERSEGRAD_CHECK(compressor.name() == "none", "exchange '", name(), "' adds fp32 values and carries only the compressor 'none', not '",
                    compressor.name(), "'; use --exchange server");
  }

  void run(const ExchangeJob& job, Aggregator&, Message& aggregate, Traffic& traffic) override {
    std::vector<Header> mine;
    for (const auto& message : job.local) mine.push_back(message.header);
    const auto gathered = comm_.all_gather_pieces(bytes_of(std::span<const Header>(mine)));
    std::vector<Header> headers(map_.agents());
    TERSEGRAD_CHECK(gathered.bytes.size() == headers.size() * sizeof(Header), "headers of ",
                    gathered.bytes.size() / sizeof(Header), " agents at step ", job.step, " (expected ", headers.size(), ")");
    std::memcpy(headers.data(), gathered.bytes.data(), gathered.bytes.size());
    check_uplinks(headers, job, map_);

    // The sum is formed where it will be read: the payload is aligned, and its bytes are the floats of `none`.
    const auto size = static_cast<std::size_t>(job.bucket.size());
    aggregate.payload.resize(size * sizeof(float));
    const std::span<float> mean(reinterpret_cast<float*>(aggregate.payload.data()), size);
    reduce(job, mean);
    for (float& value : mean) value /= static_cast<float>(map_.agents());
    aggregate.header.k = static_cast<std::uint64_t>(job.bucket.size());
    aggregate.header.flags = 0;
    complete_aggregate_header(headers, job, aggregate);

    // Over all P ranks either algorithm sends (P − 1)·4d towards the sum and as much on the way back; every
    // rank's headers go to the P − 1 others.
    const auto others = static_cast<std::int64_t>(comm_.size() - 1);
    const auto dense = static_cast<std::int64_t>(aggregate.payload.size());
    const auto header_bytes = static_cast<std::int64_t>(headers.size() * sizeof(Header)) * others;
    traffic.uplink.add(others * dense, header_bytes);
    traffic.downlink.add(others * dense, header_bytes);
  }

 protected:
  /// Fills `sum` with the sum over all agents, on every rank.
  virtual void reduce(const ExchangeJob& job, std::span<float> sum) = 0;

  const Communicator& comm_;
  AgentMap map_;
};

class OrderedAllReduce final : public AllReduceExchange {
 public:
  using AllReduceExchange::AllReduceExchange;
  std::string name() const override { return "allreduce"; }

 private:
  void reduce(const ExchangeJob& job, std::span<float> sum) override {
    std::vector<const std::byte*> addends;
    for (const auto& message : job.local) addends.push_back(message.payload.data());
    ordered_sum(comm_, addends, sum);
  }
};

class MpiAllReduce final : public AllReduceExchange {
 public:
  using AllReduceExchange::AllReduceExchange;
  std::string name() const override { return "mpi-allreduce"; }

 private:
  void reduce(const ExchangeJob& job, std::span<float> sum) override {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (const auto& message : job.local) add_values(message.payload.data(), sum);
    comm_.all_reduce_sum(sum);
  }
};

const Registration<Exchange, const ExchangeSetup&> ordered{
    "allreduce", "fp32 all-reduce in agent order, uncompressed (none only): the baseline, same bits as server", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<OrderedAllReduce>(setup); }};

const Registration<Exchange, const ExchangeSetup&> library{
    "mpi-allreduce", "MPI_Allreduce of fp32 (none only): MPI's own order of sums, so bits change with the ranks", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<MpiAllReduce>(setup); }};

}  // namespace
}  // namespace tersegrad
