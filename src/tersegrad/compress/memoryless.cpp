#include "tersegrad/compress/memoryless.hpp"

#include <vector>

#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/core/buffer.hpp"

namespace tersegrad {
namespace {

class MemorylessEncoder final : public Encoder {
 public:
  MemorylessEncoder(const MemorylessCompressor& method, std::uint64_t seed, std::uint32_t agent)
      : method_(method), seed_(seed), agent_(agent) {}
  void begin_step(std::uint64_t step, std::span<const float>) override { step_ = step; }
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    method_.read(bucket, view(message), out);
  }

 protected:
  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    method_.write(bucket, values, Stream({seed_, Purpose::dither, agent_, step_}), message);
  }

 private:
  const MemorylessCompressor& method_;
  std::uint64_t seed_;
  std::uint32_t agent_;
  std::uint64_t step_ = 0;
};

/// Decodes every message whole: N vectors of a bucket.
class MemorylessAggregator final : public GatheredMean {
 public:
  MemorylessAggregator(const MemorylessCompressor& method, std::uint32_t agents) : GatheredMean(agents), method_(method) {}

 protected:
  void open(const Bucket& bucket, std::span<const MessageView> uplinks) override {
    if (decoded_.size() < uplinks.size()) decoded_.resize(uplinks.size());
    for (std::size_t i = 0; i < uplinks.size(); ++i) {
      decoded_[i].resize(static_cast<std::size_t>(bucket.size()));
      method_.read(bucket, uplinks[i], decoded_[i]);
    }
  }
  void add(const Bucket&, std::size_t i, std::int64_t begin, std::size_t n, const kernels::Accumulation& to) override {
    const float* values = decoded_[i].data() + begin;
    for (std::size_t j = 0; j < n; ++j) to.take(j, values[j]);
  }

 private:
  const MemorylessCompressor& method_;
  std::vector<Buffer<float>> decoded_;
};

}  // namespace

std::uint64_t MemorylessCompressor::max_payload_bytes(const Bucket& bucket) const {
  return GatheredMean::max_payload_bytes(bucket, static_cast<std::int64_t>(message_bytes(bucket)));
}

std::unique_ptr<Encoder> MemorylessCompressor::encoder(std::uint32_t agent) const {
  return std::make_unique<MemorylessEncoder>(*this, setup_.seed, agent);
}

std::unique_ptr<Aggregator> MemorylessCompressor::aggregator() const {
  return std::make_unique<MemorylessAggregator>(*this, setup_.agents);
}

}  // namespace tersegrad
