#include "tersegrad/train/step/bucket_plan.hpp"

#include <algorithm>

#include "tersegrad/comm/exchange/exchange.hpp"
#include "tersegrad/compress/capabilities/rounds.hpp"
#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

std::vector<Bucket> cut_into_buckets(std::int64_t total, std::int64_t size, std::int64_t unit) {
  const std::int64_t step = (std::min(size, total) + unit - 1) / unit * unit;
  std::vector<Bucket> buckets;
  for (std::int64_t begin = 0; begin < total; begin += step) {
    buckets.push_back({static_cast<std::uint32_t>(buckets.size()), begin, std::min(begin + step, total)});
  }
  return buckets;
}

namespace {

/// Of a vector of `total` coordinates that travels as one.
std::int64_t bucket_size(const Exchange& exchange, std::int64_t total, std::int64_t wanted, bool overlap) {
  // A rank that aggregates receives three buckets at a time and sends three aggregates meanwhile, so b buckets take the time
  // of b + 3 on a slow link. With overlap the last of them also waits for backward alone. Of 2^17 coordinates each still
  // fills a link's packets; without overlap fewer messages are better where the link is fast. No bit depends on it.
  const std::int64_t count = std::clamp<std::int64_t>(total >> (overlap ? 17 : 20), 1, 32);
  return exchange.bucket_size(total, std::min(wanted, (total + count - 1) / count));
}

}  // namespace

BucketPlan::BucketPlan(const Compressor& compressor, const Exchange& exchange, std::int64_t total, std::int64_t wanted,
                       bool overlap) {
  const std::int64_t unit = compressor.traits().bucket_unit;
  const Rounds* rounds = compressor.rounds();
  if (rounds == nullptr) {
    buckets_ = cut_into_buckets(total, bucket_size(exchange, total, wanted, overlap), unit);
    ends_ = {buckets_.size()};
    parts_ = {""};
    return;
  }
  for (int round = 0; round < rounds->count(); ++round) {
    std::int64_t begin = 0;
    for (const RoundPart& part : rounds->parts(round)) {
      const auto label = std::find(parts_.begin(), parts_.end(), part.label);
      const auto number = static_cast<std::uint32_t>(label - parts_.begin());
      if (label == parts_.end()) parts_.push_back(part.label);
      if (part.length > 0) {
        for (const Bucket& cut : cut_into_buckets(part.length, bucket_size(exchange, part.length, wanted, false), unit)) {
          buckets_.push_back({static_cast<std::uint32_t>(buckets_.size()), begin + cut.begin, begin + cut.end, round, number});
        }
      }
      begin += part.length;
    }
    ends_.push_back(buckets_.size());
  }
}

}  // namespace tersegrad
