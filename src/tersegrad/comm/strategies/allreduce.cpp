// All-reduce of uncompressed fp32, twice: `allreduce` in agent order, `mpi-allreduce` by the MPI library.
//
// MPI_Allreduce may add in any order, and its order changes with the number of ranks, so its bits cannot be the
// server's. `allreduce` therefore adds along a pipelined chain (ordered_sum), which costs the bytes of a ring and
// uses both directions of a link at once. `mpi-allreduce` is the baseline of what the MPI library itself brings; what it
// adds nobody can verify.
#include <algorithm>
#include <functional>
#include <vector>

#include "tersegrad/comm/exchange/exchange.hpp"
#include "tersegrad/comm/exchange/message_block.hpp"
#include "tersegrad/comm/exchange/ordered_sum.hpp"

namespace tersegrad {
namespace {

class AllReduceExchange : public Exchange {
 public:
  explicit AllReduceExchange(const ExchangeSetup& setup)
      : Exchange(setup), map_(setup.agents, 0, setup.comm->size()) {}

  const AgentMap& map() const override { return map_; }
  bool has_server() const override { return false; }
  void require(const Compressor& compressor) const override {
    TERSEGRAD_CHECK(compressor.traits().dense_fp32, "exchange '", name(),
                    "' adds fp32 values and carries only the compressor 'none', not '", compressor.name(),
                    "'; use --exchange server");
  }

 protected:
  /// Looks once. \param moved set if anything moved \return whether the sum is complete
  using Reduction = std::function<bool(bool& moved)>;
  /// Adds this rank's messages and all others' up in `sum`.
  /// \param number of the bucket since the first one ever started: the same on all ranks that start alike
  virtual Reduction reduction(const BucketJob& job, std::span<float> sum, std::uint64_t number) = 0;
  /// Bytes of the headers that travel with the values, from one rank to the next in one direction.
  virtual std::int64_t header_bytes(const Bucket& bucket) const = 0;
  /// Buckets under way whose headers are not all here.
  int unchecked() const { return unchecked_; }

 private:
  class ReduceFlow;
  std::unique_ptr<Flow> make_flow(const BucketJob& job) override;
  bool counted_on_root() const override { return true; }  // its size is known without counting

  AgentMap map_;
  std::uint64_t started_ = 0;
  int unchecked_ = 0;
};

/// First every rank's headers go to every other rank; once all are right, the values are added.
class AllReduceExchange::ReduceFlow final : public Flow {
 public:
  ReduceFlow(AllReduceExchange& exchange, const BucketJob& job)
      : x_(exchange), job_(job), number_(x_.started_++),
        outgoing_(x_.comm(), batch_id(), headers_of(job.local), {}) {
    const int rank = x_.comm().rank(), size = x_.comm().size();
    // Before the others hear of it: nobody else reads these payloads as messages.
    check_own(job.local, rank, x_.step(), job.bucket, x_.map_);
    check_headers(headers_of(job.local), rank);
    ++x_.unchecked_;
    for (int i = 1; i < size; ++i) outgoing_.send_to((rank + i) % size);
    for (int from = 0; from < size; ++from) {
      if (from != rank) incoming_.emplace_back(x_.comm(), batch_id(), from, x_.map_.count(from), 0);
    }
  }

  bool progress() override {
    bool moved = false;
    if (!reduce_) {
      bool complete = true;
      const auto check = [this](std::span<const Header> headers, int from) { check_headers(headers, from); };
      Buffer<std::byte> no_payload;
      for (auto& batch : incoming_) {
        moved |= batch.progress(check, no_payload);
        complete &= batch.done();
      }
      if (complete) start();
    }
    if (reduce_ && !reduced_ && reduce_(moved)) finish();
    if (!sent_ && (sent_ = outgoing_.done())) moved = true;
    return moved;
  }

  bool done() const override { return reduced_ && sent_; }

 private:
  MessageBlockId batch_id() const { return {.step = x_.step().step, .bucket = job_.bucket.index, .verify = x_.verifies()}; }

  void check_headers(std::span<const Header> headers, int from) const {
    check_uplinks(headers, from, x_.step(), job_.bucket, x_.map_);
    const auto bytes = static_cast<std::uint64_t>(job_.bucket.size()) * sizeof(float);
    for (const auto& header : headers) {
      TERSEGRAD_CHECK(header.payload_bytes == bytes, "message from rank ", from, " (agent ", header.agent, ") at step ",
                      header.step, ", bucket ", header.bucket, " has ", header.payload_bytes,
                      " payload bytes (expected ", bytes, ")");
    }
  }

  std::span<float> sum() const {
    // Formed where it will be read: the payload is aligned, and its bytes are the floats of `none`.
    return {reinterpret_cast<float*>(job_.aggregate->payload.data()), static_cast<std::size_t>(job_.bucket.size())};
  }

  void start() {
    --x_.unchecked_;
    job_.aggregate->payload.resize(static_cast<std::size_t>(job_.bucket.size()) * sizeof(float));
    reduce_ = x_.reduction(job_, sum(), number_);
  }

  void finish() {
    for (float& value : sum()) value /= static_cast<float>(x_.map_.agents());
    std::vector<Header> headers;  // in agent order, which is rank order
    const auto own = headers_of(job_.local);
    for (const auto& batch : incoming_) {
      if (batch.from() == x_.comm().rank() + 1) headers.insert(headers.end(), own.begin(), own.end());
      headers.insert(headers.end(), batch.headers().begin(), batch.headers().end());
    }
    if (headers.size() < x_.map_.agents()) headers.insert(headers.end(), own.begin(), own.end());
    Message& aggregate = *job_.aggregate;
    aggregate.header.k = static_cast<std::uint64_t>(job_.bucket.size());
    aggregate.header.flags = 0;
    complete_aggregate_header(headers, x_.step(), job_.bucket, aggregate);

    // Over all P ranks either algorithm sends (P − 1)·4d towards the sum and as much on the way back; every
    // rank's headers go to the P − 1 others, and each piece of the sum has one.
    const auto others = static_cast<std::int64_t>(x_.comm().size() - 1);
    const auto dense = static_cast<std::int64_t>(aggregate.payload.size());
    const auto agents = static_cast<std::int64_t>(headers.size() * sizeof(Header));
    const auto pieces = x_.header_bytes(job_.bucket);
    x_.tally(job_.bucket).uplink.add(others * dense, others * (agents + pieces));
    x_.tally(job_.bucket).downlink.add(others * dense, others * pieces);
    reduced_ = true;
  }

  AllReduceExchange& x_;
  BucketJob job_;
  std::uint64_t number_;
  OutgoingMessageBlock outgoing_;
  std::vector<IncomingMessageBlock> incoming_;  // of every other rank, in rank order
  Reduction reduce_;
  bool sent_ = false;
  bool reduced_ = false;
};

std::unique_ptr<Flow> AllReduceExchange::make_flow(const BucketJob& job) {
  return std::make_unique<ReduceFlow>(*this, job);
}

class OrderedAllReduce final : public AllReduceExchange {
 public:
  using AllReduceExchange::AllReduceExchange;
  std::string name() const override { return "allreduce"; }

 private:
  std::int64_t header_bytes(const Bucket& bucket) const override {
    return static_cast<std::int64_t>(OrderedSum::segments_of(static_cast<std::size_t>(bucket.size())) * sizeof(Header));
  }
  Reduction reduction(const BucketJob& job, std::span<float> sum, std::uint64_t) override {
    std::vector<const std::byte*> addends;
    for (const auto& message : job.local) addends.push_back(message.payload.data());
    const SumIdentity identity{.step = step().step,
                               .bucket = job.bucket.index,
                               .compressor = compressor_id(step().compressor->name()),
                               .verify = verifies(),
                               .before = map().begin(comm().rank()),
                               .behind = map().end(comm().rank()),
                               .all = map().agents()};
    auto total = std::make_shared<OrderedSum>(comm(), identity, addends, sum,
                                              tag_of(job.bucket.index, Channel::sum_up),
                                              tag_of(job.bucket.index, Channel::sum_down));
    return [total](bool& moved) {
      moved |= total->progress();
      return total->done();
    };
  }
};

class MpiAllReduce final : public AllReduceExchange {
 public:
  using AllReduceExchange::AllReduceExchange;
  std::string name() const override { return "mpi-allreduce"; }
  bool knows_its_links() const override { return false; }

 private:
  std::int64_t header_bytes(const Bucket&) const override { return 0; }
  Reduction reduction(const BucketJob& job, std::span<float> sum, std::uint64_t number) override {
    return [this, job, sum, number](bool& moved) {
      // A collective call has no tag: buckets take turns in the order of their start. And it waits without listening:
      // no rank enters one before it knows that no rank will leave the step for a wrong header.
      if (number != next_ || !finishing() || unchecked() > 0) return false;
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (const auto& message : job.local) add_values(message.payload.data(), sum);
      comm().all_reduce_sum(sum);
      ++next_;
      return moved = true;
    };
  }

  std::uint64_t next_ = 0;
};

const Registration<Exchange, const ExchangeSetup&> ordered{
    "allreduce", "fp32 all-reduce in agent order, uncompressed (none only): the baseline, same bits as server", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<OrderedAllReduce>(setup); }};

const Registration<Exchange, const ExchangeSetup&> library{
    "mpi-allreduce", "MPI_Allreduce of fp32 (none only): MPI's own order of sums, so bits change with the ranks; no checksums", {},
    [](const Arguments&, const ExchangeSetup& setup) { return std::make_unique<MpiAllReduce>(setup); }};

}  // namespace
}  // namespace tersegrad
