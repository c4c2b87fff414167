// Votes counted in bit planes: what `sign` and `majority` share where messages are aggregated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

/// Sums of signs as integers in bit planes: the number c of positive votes of n agents, 0 ≤ c ≤ n, where none of them
/// had a zero, else s + n, 0 ≤ s + n ≤ 2n with s the sum of signs. Lossless: ⌈log2(n+1)⌉ or ⌈log2(2n+1)⌉ bits a
/// coordinate. Keeps what it reads only until the next call.
class VoteCounter {
 public:
  /// The sum over any number of agents.
  /// \param uplinks messages of the sign family
  /// \param sum receives the payload and header.flags (flag_zeros or 0), .k, .payload_bytes
  /// \throws Error if a payload is not what its header promises
  void count(const Bucket& bucket, std::span<const MessageView> uplinks, Message& sum);

  /// The zero planes of the messages last counted, null for one without zeros.
  std::span<const std::byte* const> zeros() const { return zeros_; }

  /// The planes of the sum that count() or join() wrote last, lowest bit first; they lie in that sum's payload.
  std::span<const std::byte* const> planes() const { return planes_; }

  /// What count() gives for all agents, bit for bit, from the sums of groups that together are all agents.
  /// \param partials in any order, header.agent the number of agents in each
  /// \throws Error if they are not `agents` together, or a payload is not what its header promises
  void join(const Bucket& bucket, std::span<const MessageView> partials, std::uint32_t agents, Message& sum);

  /// The planes of a sum over so many agents, lowest bit first.
  /// \throws Error if the payload has another length, or a count in it is more than so many agents can give
  std::span<const std::byte* const> read(const Bucket& bucket, const MessageView& sum, std::uint64_t agents);

  /// How many planes a sum has, at least 1.
  static int plane_count(std::uint64_t agents, bool zeros);

 private:
  void lay_out(const Bucket& bucket, int count, bool zeros, Message& sum);

  std::vector<const std::byte*> signs_, zeros_, read_, planes_;
  std::vector<std::byte*> out_;
  std::vector<std::vector<std::byte>> masks_;
};

}  // namespace tersegrad
