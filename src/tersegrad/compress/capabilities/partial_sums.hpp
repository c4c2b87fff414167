// Groups of agents aggregated first, their partial sums joined later.
#pragma once

#include <span>

#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

/// Only where sums are integers, so that the grouping cannot change a bit. Exchange `hierarchical` asks.
class PartialSums {
 public:
  virtual ~PartialSums() = default;
  /// The sum over a group of agents, packed.
  /// \param uplinks 1 ≤ n ≤ N messages of the bucket, in agent order, headers checked
  /// \param partial receives the payload, at most max_payload_bytes, and header.flags, .k, .payload_bytes
  void aggregate_partial(const Bucket& bucket, std::span<const MessageView> uplinks, Message& partial) {
    begin_contents(bucket, partial.header);
    combine_partial(bucket, uplinks, partial);
    complete_contents(partial);
  }
  /// What Aggregator::aggregate gives for all N messages, bit for bit, from partial sums of groups that together are all agents.
  /// \param partials in any order, header.agent the number of agents in each
  /// \throws Error if a payload is not what its header promises
  void join_partials(const Bucket& bucket, std::span<const MessageView> partials, Message& aggregate) {
    begin_contents(bucket, aggregate.header);
    combine_joined(bucket, partials, aggregate);
    complete_contents(aggregate);
  }

 protected:
  // The same but for the header, as Aggregator::combine.
  virtual void combine_partial(const Bucket& bucket, std::span<const MessageView> uplinks, Message& partial) = 0;
  virtual void combine_joined(const Bucket& bucket, std::span<const MessageView> partials, Message& aggregate) = 0;
};

}  // namespace tersegrad
