#include "tersegrad/comm/exchange/exchange.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>

#include "tersegrad/comm/mpi/backoff.hpp"
#include "tersegrad/comm/mpi/channel.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/transfer.hpp"

namespace tersegrad {
namespace {

/// For others to end the job in the meantime.
void wait_for_the_end(std::chrono::milliseconds time) {
  const auto give_up = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < give_up) {  // a signal of the launcher may cut a sleep short
    const timespec pause{0, 50'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

void Exchange::require_buckets(std::size_t buckets) const {
  const std::int64_t most = most_buckets(comm_.largest_tag());
  TERSEGRAD_CHECK(static_cast<std::int64_t>(buckets) <= most, buckets, " buckets (this MPI library can tell ", most,
                  " apart); use larger buckets (--bucket)");
}

void Exchange::begin_step(const ExchangeStep& step) {
  if (!connected_) connect();
  connected_ = true;
  step_ = step;
  tally_.assign(step.parts, Traffic());
}

void Exchange::start_bucket(const BucketJob& job) {
  guarded([&] {
    flows_.push_back(make_flow(job));
    return true;
  });
  progress();
}

bool Exchange::progress() {
  hear_faults();
  return guarded([this] {
    bool moved = false;
    for (const auto& flow : flows_) moved |= flow->progress();
    std::erase_if(flows_, [](const auto& flow) { return flow->done(); });
    return moved;
  });
}

bool Exchange::guarded(const std::function<bool()>& work) const {
  try {
    return work();
  } catch (const CommunicationError&) {
    throw;
  } catch (const Error& error) {
    // A rank that fails in the middle of a step takes its memory with it, and what MPI still carries from there arrives
    // damaged: its own line, which is on its way, tells more than this one.
    using namespace std::chrono_literals;
    if (dynamic_cast<const ChecksumError*>(&error) != nullptr) wait_for_the_end(500ms);
    tell_rank_0(error.what());
    // Rank 0 speaks for all, and MPI_Abort takes up to a second. The others wait here, with everything as it is, for
    // the same reason: what unwinding would free may be on its way.
    if (comm_.rank() != 0) wait_for_the_end(3s);
    throw PeerError(error.what());
  }
}

void Exchange::tell_rank_0(const std::string& fault) const {
  if (comm_.rank() == 0) return;
  // Short enough that MPI sends it at once, wherever rank 0 is.
  comm_.send(std::as_bytes(std::span(fault.data(), std::min<std::size_t>(fault.size(), 1000))), 0, fault_tag);
}

void Exchange::hear_faults() const {
  if (comm_.rank() != 0) return;
  const auto message = comm_.probe(any_source, fault_tag);
  if (!message) return;
  std::string fault(message->bytes, ' ');
  comm_.receive(std::as_writable_bytes(std::span(fault.data(), fault.size())), message->from, fault_tag);
  throw PeerError(concat("seen by rank ", message->from, ": ", fault));
}

void Exchange::finish_step(std::span<Traffic> traffic) {
  finishing_ = true;
  for (Backoff backoff; !flows_.empty();) {
    if (progress()) {
      backoff.reset();
    } else {
      backoff.pause();
    }
  }
  finishing_ = false;
  collect(traffic);
}

/// The ranks' counts meet on rank 0. Nobody waits for it: a count is smaller than what MPI sends at once.
void Exchange::collect(std::span<Traffic> traffic) {
  TERSEGRAD_ASSERT(traffic.size() == tally_.size(), "traffic of ", tally_.size(), " parts is asked for as of ", traffic.size());
  if (!counted_on_root()) {
    if (comm_.rank() != 0) {
      comm_.send(bytes_of(std::span<const Traffic>(tally_)), 0, tally_tag);
    } else {
      std::vector<Traffic> of_rank(tally_.size());
      for (int rank = 1; rank < comm_.size(); ++rank) {
        comm_.receive(bytes_of(std::span(of_rank)), rank, tally_tag);
        for (std::size_t part = 0; part < tally_.size(); ++part) tally_[part] += of_rank[part];
      }
    }
  }
  for (std::size_t part = 0; part < tally_.size(); ++part) traffic[part] += tally_[part];
}

void check_uplinks(std::span<const Header> headers, int rank, const ExchangeStep& step, const Bucket& bucket,
                   const AgentMap& map) {
  Expected expected{MessageKind::uplink, step.step, bucket, map.begin(rank), compressor_id(step.compressor->name()),
                    step.compressor->max_payload_bytes(bucket)};
  for (const auto& header : headers) {
    check(header, expected, concat("rank ", rank));
    ++expected.agent;
  }
}

void check_own(std::span<const Message> local, int rank, const ExchangeStep& step, const Bucket& bucket,
               const AgentMap& map) {
  TERSEGRAD_ASSERT(local.size() == map.count(rank), local.size(), " messages of rank ", rank, " at step ",
                  step.step, " (expected ", map.count(rank), ")");
  check_uplinks(headers_of(local), rank, step, bucket, map);
  for (const auto& message : local) {
    TERSEGRAD_CHECK(message.payload.size() == message.header.payload_bytes, "message from rank ", rank, " (agent ",
                    message.header.agent, ") at step ", step.step, ", bucket ", bucket.index, " has ",
                    message.payload.size(), " payload bytes (announced ", message.header.payload_bytes, ")");
  }
}

Expected expected_aggregate(const ExchangeStep& step, const Bucket& bucket, const AgentMap& map) {
  return {MessageKind::aggregate, step.step, bucket, map.agents(), compressor_id(step.compressor->name()),
          step.compressor->max_payload_bytes(bucket)};
}

void complete_aggregate_header(std::span<const Header> uplinks, const ExchangeStep& step, const Bucket& bucket,
                               Message& aggregate) {
  Header& header = aggregate.header;
  identify(header, {MessageKind::aggregate, step.step, bucket, static_cast<std::uint32_t>(uplinks.size()),
                    compressor_id(step.compressor->name())});
  header.payload_bytes = aggregate.payload.size();
  header.control = step.control;
  double loss = 0;
  header.nonfinite = 0;
  for (const auto& uplink : uplinks) {
    header.control |= uplink.control;
    loss += static_cast<double>(uplink.loss);
    header.nonfinite += uplink.nonfinite > 0 ? 1u : 0u;
  }
  header.loss = static_cast<float>(loss / static_cast<double>(uplinks.size()));
}

std::vector<Header> headers_of(std::span<const Message> messages) {
  std::vector<Header> headers;
  for (const auto& message : messages) headers.push_back(message.header);
  return headers;
}

}  // namespace tersegrad
