// The tags of the exchanges' messages: a bucket's traffic never meets another's, in whatever order buckets start.
#pragma once

#include <cstdint>

namespace tersegrad {

/// What travels between two ranks for one bucket. Within a channel messages keep their order.
enum class Channel : int {
  uplink_headers,    ///< the headers of a rank's agents, one block
  uplink_payloads,   ///< their payloads, in agent order
  group_headers,     ///< `hierarchical`: the header of a node's partial sum and those of its agents
  group_payload,     ///< `hierarchical`: the partial sum
  aggregate_header,
  aggregate_payload,
  sum_up,            ///< `allreduce`: running sums
  sum_down,          ///< `allreduce`: finished sums
};
inline constexpr int channels = 8;
inline constexpr int first_bucket_tag = 64;  // below: traffic that belongs to no bucket
inline constexpr int tally_tag = 32, fault_tag = 33, snapshot_tag = 34, heartbeat_tag = 35,
                     link_tag = 36;

constexpr int tag_of(std::uint32_t bucket, Channel channel) {
  return first_bucket_tag + channels * static_cast<int>(bucket) + static_cast<int>(channel);
}

/// How many buckets an MPI library can tell apart. \param largest_tag its MPI_TAG_UB, at least 32767 by the standard
constexpr std::int64_t most_buckets(std::int64_t largest_tag) {
  return (largest_tag + 1 - first_bucket_tag) / channels;
}

}  // namespace tersegrad
