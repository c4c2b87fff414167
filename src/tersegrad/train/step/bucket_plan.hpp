// How the vectors of a step are cut into buckets.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/layout.hpp"

namespace tersegrad {

class Compressor;
class Exchange;

/// Cuts [0, total) into buckets of `size` coordinates, rounded up to a multiple of `unit`, itself one of 128, so that streams
/// addressed by coordinate and bit planes never share a word between buckets.
std::vector<Bucket> cut_into_buckets(std::int64_t total, std::int64_t size, std::int64_t unit = 128);

/// The buckets of a step, the same on every rank. An ordinary compressor has one round, the gradient; one with rounds sends
/// vectors of its own (compress/capabilities/rounds.hpp). Bucket::index runs on from round to round.
class BucketPlan {
 public:
  /// \param total coordinates of the gradient \param wanted coordinates of a bucket at most, but for the exchange's own wish
  /// \param overlap whether buckets go while backward runs
  BucketPlan(const Compressor& compressor, const Exchange& exchange, std::int64_t total, std::int64_t wanted, bool overlap);
  /// One round of these.
  explicit BucketPlan(std::vector<Bucket> buckets) : buckets_(std::move(buckets)), ends_{buckets_.size()}, parts_{""} {}

  int rounds() const { return static_cast<int>(ends_.size()); }
  std::span<const Bucket> round(int r) const {
    const std::size_t begin = r == 0 ? 0 : ends_[static_cast<std::size_t>(r) - 1];
    return std::span(buckets_).subspan(begin, ends_[static_cast<std::size_t>(r)] - begin);
  }
  std::span<const Bucket> all() const { return buckets_; }
  /// What bytes are counted under: Bucket::part is an index into these.
  const std::vector<std::string>& parts() const { return parts_; }

 private:
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> ends_;  // [round] the first bucket after it
  std::vector<std::string> parts_;
};

}  // namespace tersegrad
