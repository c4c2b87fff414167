#include "tersegrad/compress/gathered_mean.hpp"

#include <algorithm>
#include <cstring>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/wire/values.hpp"

namespace tersegrad {
namespace {

/// One agent's line in the table.
struct Part {
  std::uint64_t payload_bytes = 0;
  std::uint32_t flags = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Part) == 16);

std::int64_t dense_bytes(const Bucket& bucket) { return bucket.size() * static_cast<std::int64_t>(sizeof(float)); }

}  // namespace

std::uint64_t GatheredMean::max_payload_bytes(const Bucket& bucket, std::int64_t uplink) {
  return static_cast<std::uint64_t>(std::max(uplink, dense_bytes(bucket)));
}

void GatheredMean::mean_of(const Bucket& bucket, std::size_t uplinks, std::int64_t begin, std::span<float> mean) {
  for (std::size_t i = 0; i < uplinks; ++i) {  // in agent order
    add(bucket, i, begin, mean.size(), {.sum = mean.data(), .first = i == 0});
  }
  kernels::divide(mean, uplinks);
}

void GatheredMean::whole_mean_of(const Bucket& bucket, std::size_t uplinks, std::span<float> mean) {
  for (std::int64_t begin = 0; begin < bucket.size(); begin += piece) {
    mean_of(bucket, uplinks, begin,
            mean.subspan(static_cast<std::size_t>(begin),
                         static_cast<std::size_t>(std::min(piece, bucket.size() - begin))));
  }
}

void GatheredMean::combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) {
  std::size_t together = uplinks.size() * sizeof(Part);
  for (const auto& uplink : uplinks) together += uplink.payload.size();
  if (static_cast<std::int64_t>(together) >= dense_bytes(bucket)) {
    mean_.resize(static_cast<std::size_t>(bucket.size()));
    open(bucket, uplinks);
    whole_mean_of(bucket, uplinks.size(), mean_);
    resize_payload(aggregate, dense_bytes(bucket));
    std::memcpy(aggregate.payload.data(), mean_.data(), aggregate.payload.size());
    aggregate.header.flags = flag_dense;
    return;
  }
  resize_payload(aggregate, static_cast<std::int64_t>(together));
  std::byte* line = aggregate.payload.data();
  std::byte* out = line + uplinks.size() * sizeof(Part);
  open(bucket, uplinks);
  for (std::size_t i = 0; i < uplinks.size(); ++i) verify(bucket, i);  // refused here, not where every rank decodes
  for (const auto& uplink : uplinks) {
    const Part part{uplink.payload.size(), uplink.header.flags, 0};
    std::memcpy(line, &part, sizeof part);
    line += sizeof part;
    out = std::copy(uplink.payload.begin(), uplink.payload.end(), out);
  }
}

void GatheredMean::decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) {
  if ((aggregate.header.flags & flag_dense) != 0) {
    require_payload(aggregate, dense_bytes(bucket));
    std::memcpy(mean.data(), aggregate.payload.data(), mean.size_bytes());
    return;
  }
  open_parts(bucket, aggregate);
  whole_mean_of(bucket, parts_.size(), mean);
}

bool GatheredMean::decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) {
  if ((aggregate.header.flags & flag_dense) != 0) {
    require_payload(aggregate, dense_bytes(bucket));
    decode_axpy_values(ValueFormat::fp32, aggregate.payload, step, x);
    return true;
  }
  open_parts(bucket, aggregate);
  if (decode_axpy_opened(bucket, step, x)) return true;
  alignas(64) float mean[piece];
  for (std::int64_t begin = 0; begin < bucket.size(); begin += piece) {
    const auto n = static_cast<std::size_t>(std::min(piece, bucket.size() - begin));
    mean_of(bucket, parts_.size(), begin, std::span(mean, n));
    decode_axpy_values(ValueFormat::fp32, std::as_bytes(std::span(mean, n)), step,
                   x.subspan(static_cast<std::size_t>(begin), n));
  }
  return true;
}

void GatheredMean::open_parts(const Bucket& bucket, const MessageView& aggregate) {
  const std::size_t agents = agents_, table = agents * sizeof(Part);
  require_payload_at_least(aggregate, static_cast<std::int64_t>(table));
  parts_.clear();
  std::size_t at = table;
  for (std::size_t a = 0; a < agents; ++a) {
    Part part;
    std::memcpy(&part, aggregate.payload.data() + a * sizeof part, sizeof part);
    TERSEGRAD_CHECK(part.payload_bytes <= aggregate.payload.size() - at, "part of agent ", a, " has ",
                    part.payload_bytes, " bytes at step ", aggregate.header.step, ", bucket ", bucket.index, " (only ",
                    aggregate.payload.size() - at, " are left)");
    MessageView view{aggregate.header, aggregate.payload.subspan(at, part.payload_bytes)};
    view.header.agent = static_cast<std::uint32_t>(a);
    view.header.flags = static_cast<std::uint8_t>(part.flags);
    view.header.payload_bytes = part.payload_bytes;
    parts_.push_back(view);
    at += part.payload_bytes;
  }
  require_payload(aggregate, static_cast<std::int64_t>(at));
  open(bucket, parts_);
}

}  // namespace tersegrad
