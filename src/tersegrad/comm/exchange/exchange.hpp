// Exchange strategies: how the agents' messages come together and the aggregate comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/comm/exchange/agent_map.hpp"
#include "tersegrad/comm/exchange/traffic.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// What an exchange is made for.
struct ExchangeSetup {
  const Communicator* comm = nullptr;
  std::uint32_t agents = 1;
  /// Messages between ranks carry a checksum, which their receivers compare; the same on all ranks.
  bool verify = true;
};

/// What the buckets of a step have in common.
struct ExchangeStep {
  std::uint64_t step = 0;
  const Compressor* compressor = nullptr;
  Aggregator* aggregator = nullptr;  ///< its begin_step is done; aggregates buckets in any order, on some ranks only some
  /// This rank's control flags, also in its messages; the aggregates have the union of all ranks'.
  std::uint8_t control = 0;
  std::size_t parts = 1;  ///< that buckets count their bytes for (Bucket::part); few, the same on all ranks
};

/// One bucket that is ready to go.
struct BucketJob {
  Bucket bucket;
  std::span<Message> local;      ///< this rank's agents' messages, in agent order, headers complete
  Message* aggregate = nullptr;  ///< receives the aggregate
};

/// One bucket on its way through this rank: what a strategy makes of a BucketJob.
class Flow {
 public:
  virtual ~Flow() = default;
  /// Looks once at everything it awaits and starts what has become possible. \return whether anything moved
  virtual bool progress() = 0;
  /// True once the aggregate is complete here and no message of the bucket is under way from or to this rank.
  virtual bool done() const = 0;
};

/// A strategy. The same numbers come out of each, on any number of ranks.
///
/// A step, on every rank: begin_step; start_bucket once for every bucket, each as soon as its messages are ready;
/// progress now and then while other work goes on; finish_step. Nothing but finish_step waits.
///
/// Every rank starts the same buckets, also one that hosts no agents (at once, with no messages). All should start
/// them in the same order, such as backward's, last layers first: memory and link are given to buckets in that order.
/// Ranks that differ are slower, not wrong, and not in a deadlock: every bucket has tags of its own, start_bucket
/// never waits for another rank, and no bucket needs another one to complete. Only `mpi-allreduce`, which is one
/// collective call a bucket, requires the same order; it makes the calls in finish_step.
///
/// A bucket's messages stay alive and unchanged, and its aggregate untouched, until finish_step has returned.
/// Between begin_step and finish_step the aggregator is the exchange's.
///
/// Every header and length is checked before a payload is read, and the checksum before it is used; what is wrong is
/// thrown on the ranks that see it and, because one of them must speak for all, on rank 0: as a PeerError that names
/// the sender, the step and what differed. run_with_mpi then ends the job.
class Exchange {
 public:
  static constexpr const char* family = "exchange";
  virtual ~Exchange() = default;
  virtual std::string name() const = 0;
  virtual const AgentMap& map() const = 0;
  /// True if rank 0 only serves and hosts no agents.
  virtual bool has_server() const = 0;
  /// \throws Error if this strategy cannot carry the compressor (allreduce: only `none`)
  virtual void require(const Compressor& compressor) const = 0;
  /// \throws Error if so many buckets have no tags in this MPI library. Messages of any length travel, in pieces.
  void require_buckets(std::size_t buckets) const;
  /// The bucket size to cut `total` coordinates with, where the user asked for `wanted`: a strategy whose ranks
  /// serve a bucket each cuts smaller. No bit depends on it.
  virtual std::int64_t bucket_size(std::int64_t /*total*/, std::int64_t wanted) const { return wanted; }
  /// The rank that aggregates a bucket; `everyone` where each does for itself.
  static constexpr int everyone = -1;
  virtual int root(const Bucket& /*bucket*/) const { return everyone; }
  /// False where MPI's own collective calls carry payloads: what crosses which link is known to MPI alone then.
  virtual bool knows_its_links() const { return true; }
  /// Bytes of this rank's receive buffers at their largest: what a server holds beside the aggregates.
  virtual std::size_t peak_buffer_bytes() const { return 0; }

  void begin_step(const ExchangeStep& step);
  void start_bucket(const BucketJob& job);
  /// Looks once at every bucket under way; may aggregate one. \return whether anything moved
  bool progress();
  /// Waits until every bucket that was started is done: then each rank holds the same aggregates.
  /// \param traffic complete on rank 0: what the messages of each part cost is added to it. [step.parts]
  void finish_step(std::span<Traffic> traffic);
  /// The same of a step with one part.
  void finish_step(Traffic& traffic) { finish_step(std::span(&traffic, 1)); }

 protected:
  explicit Exchange(const ExchangeSetup& setup) : comm_(*setup.comm), verify_(setup.verify) {}
  /// Once, in the first step, on all ranks together: here a strategy may communicate to set itself up.
  virtual void connect() {}
  virtual std::unique_ptr<Flow> make_flow(const BucketJob& job) = 0;
  /// True if rank 0 alone counts the traffic; else every rank counts its part.
  virtual bool counted_on_root() const = 0;

  const Communicator& comm() const { return comm_; }
  /// Whether what is sent has a checksum (compress/wire/message.hpp). What stays on its rank never is: nothing can happen to it
  /// on the way that could not happen to any other memory.
  bool verifies() const { return verify_; }
  const ExchangeStep& step() const { return step_; }
  Traffic& tally(const Bucket& bucket) { return tally_[bucket.part]; }
  /// True within finish_step: every bucket of the step has been started.
  bool finishing() const { return finishing_; }

 private:
  /// Runs `work`; an Error of it is a PeerError, and rank 0 learns of it.
  bool guarded(const std::function<bool()>& work) const;
  void tell_rank_0(const std::string& fault) const;
  void hear_faults() const;
  void collect(std::span<Traffic> traffic);

  const Communicator& comm_;
  bool verify_;
  ExchangeStep step_;
  std::vector<std::unique_ptr<Flow>> flows_;  // not yet done, in the order of their start
  std::vector<Traffic> tally_;                // what this rank counted in this step, of each part
  bool connected_ = false;
  bool finishing_ = false;
};

using ExchangeRegistry = Registry<Exchange, const ExchangeSetup&>;

/// Checks the uplink headers of one rank's agents. \throws Error naming rank and agent
void check_uplinks(std::span<const Header> headers, int rank, const ExchangeStep& step, const Bucket& bucket,
                   const AgentMap& map);
/// The same of this rank's own messages, whose payloads are there too.
void check_own(std::span<const Message> local, int rank, const ExchangeStep& step, const Bucket& bucket,
               const AgentMap& map);

/// What an aggregate's header must say.
Expected expected_aggregate(const ExchangeStep& step, const Bucket& bucket, const AgentMap& map);

/// Completes an aggregate's header from all agents' checked uplinks, in agent order: step, bucket, number of agents,
/// mean loss (summed in agent order), the number of agents with non-finite coordinates and the union of their
/// control flags and this rank's.
void complete_aggregate_header(std::span<const Header> uplinks, const ExchangeStep& step, const Bucket& bucket,
                               Message& aggregate);

/// The headers of some messages.
std::vector<Header> headers_of(std::span<const Message> messages);

}  // namespace tersegrad
