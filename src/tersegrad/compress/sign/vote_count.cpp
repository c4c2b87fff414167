#include "tersegrad/compress/sign/vote_count.hpp"

#include <algorithm>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/sign/planes.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"

namespace tersegrad {

int VoteCounter::plane_count(std::uint64_t agents, bool zeros) {
  return kernels::planes_for(static_cast<std::int64_t>(zeros ? 2 * agents : agents));
}

void VoteCounter::lay_out(const Bucket& bucket, int count, bool zeros, Message& sum) {
  const std::int64_t plane = plane_bytes(bucket.size());
  resize_payload(sum, count * plane);
  out_.clear();
  for (int p = 0; p < count; ++p) out_.push_back(sum.payload.data() + p * plane);
  planes_.assign(out_.begin(), out_.end());
  sum.header.flags = zeros ? flag_zeros : 0;
}

void VoteCounter::count(const Bucket& bucket, std::span<const MessageView> uplinks, Message& sum) {
  signs_.clear();
  zeros_.clear();
  bool any_zero = false;
  masks_.resize(std::max(masks_.size(), uplinks.size()));
  for (std::size_t a = 0; a < uplinks.size(); ++a) {
    const SignPlanes read = read_signs(bucket, uplinks[a], 0, masks_[a]);
    signs_.push_back(read.signs);
    zeros_.push_back(read.zeros);
    any_zero |= read.zeros != nullptr;
  }
  const int its_planes = plane_count(uplinks.size(), any_zero);
  lay_out(bucket, its_planes, any_zero, sum);
  const auto plane = static_cast<std::size_t>(plane_bytes(bucket.size()));
  if (any_zero) {
    kernels::count_votes_with_zeros(signs_, zeros_, plane, out_.data(), its_planes);
  } else {
    kernels::count_votes(signs_, plane, out_.data(), its_planes);
  }
}

void VoteCounter::join(const Bucket& bucket, std::span<const MessageView> partials, std::uint32_t agents,
                       Message& sum) {
  bool any_zero = false;
  std::uint64_t together = 0;
  for (const auto& partial : partials) {
    any_zero |= (partial.header.flags & flag_zeros) != 0;
    together += partial.header.agent;
  }
  TERSEGRAD_CHECK(together == agents, "partial sums of ", together, " agents at bucket ", bucket.index, " (expected ",
                  agents, ")");
  const int all_planes = plane_count(agents, any_zero);
  lay_out(bucket, all_planes, any_zero, sum);
  std::fill(sum.payload.begin(), sum.payload.end(), std::byte{0});
  for (const auto& partial : partials) {
    const auto added = read(bucket, partial, partial.header.agent);
    // A group without zeros counts c positive votes, s + n = 2c: beside groups with zeros it goes one plane higher.
    const int shift = any_zero && (partial.header.flags & flag_zeros) == 0 ? 1 : 0;
    kernels::add_counts(added, static_cast<std::size_t>(plane_bytes(bucket.size())), out_.data() + shift,
                        all_planes - shift);
  }
}

std::span<const std::byte* const> VoteCounter::read(const Bucket& bucket, const MessageView& sum,
                                                    std::uint64_t agents) {
  const bool zeros = (sum.header.flags & flag_zeros) != 0;
  const std::int64_t plane = plane_bytes(bucket.size());
  const int its_planes = plane_count(agents, zeros);
  require_payload(sum, its_planes * plane);
  read_.clear();
  for (int p = 0; p < its_planes; ++p) read_.push_back(sum.payload.data() + p * plane);
  const std::uint64_t most = zeros ? 2 * agents : agents;
  TERSEGRAD_CHECK(!kernels::any_count_above(read_, static_cast<std::size_t>(plane), most), "a sum of signs beyond ",
                  agents, " agents at step ", sum.header.step, ", bucket ", sum.header.bucket, " (a damaged message)");
  return read_;
}

}  // namespace tersegrad
