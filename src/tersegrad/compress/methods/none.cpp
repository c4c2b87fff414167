// No compression: every value travels; the aggregate is the mean, summed in agent order.
// inf and NaN travel as they are, at the wire's precision; counted in header.nonfinite, as is what overflows on the wire.
#include <algorithm>
#include <cstring>

#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/wire/values.hpp"

namespace tersegrad {
namespace {

class NoneEncoder final : public Encoder {
 public:
  explicit NoneEncoder(ValueFormat wire) : wire_(wire) {}
  void pack(const Bucket&, std::span<const float> values, Message& message) override {
    resize_payload(message, static_cast<std::int64_t>(values.size()) * bytes_per_value(wire_));
    message.header.nonfinite = saturate(pack_and_count(wire_, values, message.payload));
  }
  void decode_own(const Bucket&, const Message& message, std::span<float> out) override {
    unpack_values(wire_, message.payload, out);
  }

 private:
  ValueFormat wire_;
};

class NoneAggregator final : public Aggregator, public FusedUpdate, public DenseView {
 public:
  explicit NoneAggregator(ValueFormat wire) : wire_(wire) {}
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    const std::int64_t width = bytes_per_value(wire_);
    for (const auto& uplink : uplinks) require_payload(uplink, bucket.size() * width);
    resize_payload(aggregate, bucket.size() * width);
    const float agents = static_cast<float>(uplinks.size());
    // One cache-sized run at a time: N inputs are read once, the sums never leave the cache.
    constexpr std::int64_t run = 4096;
    float sum[run], values[run];
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const auto n = static_cast<std::size_t>(std::min(run, bucket.size() - begin));
      std::fill_n(sum, n, 0.0f);
      for (const auto& uplink : uplinks) {
        unpack_values(wire_, uplink.payload.subspan(static_cast<std::size_t>(begin * width)), std::span(values, n));
        for (std::size_t j = 0; j < n; ++j) sum[j] += values[j];
      }
      for (std::size_t j = 0; j < n; ++j) sum[j] /= agents;
      pack_values(wire_, std::span<const float>(sum, n),
                  std::span(aggregate.payload).subspan(static_cast<std::size_t>(begin * width)));
    }
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    require_payload(aggregate, bucket.size() * bytes_per_value(wire_));
    unpack_values(wire_, aggregate.payload, mean);
  }

  FusedUpdate* fused_update() override { return this; }
  bool decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) override {
    require_payload(aggregate, bucket.size() * bytes_per_value(wire_));
    decode_axpy_values(wire_, aggregate.payload, step, x);
    return true;
  }

  DenseView* dense_view() override { return wire_ == ValueFormat::fp32 ? this : nullptr; }
  std::span<const float> dense_view(const Bucket& bucket, const MessageView& aggregate) override {
    require_payload(aggregate, bucket.size() * bytes_per_value(wire_));
    if (reinterpret_cast<std::uintptr_t>(aggregate.payload.data()) % alignof(float) != 0) return {};
    return {reinterpret_cast<const float*>(aggregate.payload.data()), static_cast<std::size_t>(bucket.size())};
  }

 private:
  ValueFormat wire_;
};

class None final : public Compressor {
 public:
  explicit None(ValueFormat wire) : wire_(wire) {}
  std::string name() const override { return "none" + wire_suffix(wire_); }
  // fp16 and bf16 round (and fp16 overflows), so only fp32 is the identity. Rounding is a contraction: ef:none:fp16 makes up
  // for it.
  Traits traits() const override {
    return {.kind = Traits::Kind::unbiased, .wire_roundoff = roundoff(wire_), .dense_fp32 = wire_ == ValueFormat::fp32};
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    return static_cast<std::uint64_t>(bucket.size() * bytes_per_value(wire_));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t) const override { return std::make_unique<NoneEncoder>(wire_); }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<NoneAggregator>(wire_); }

 private:
  ValueFormat wire_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "none", "every value, uncompressed", {wire_parameter()}, [](const Arguments& arguments, const CompressorSetup&) {
      return std::make_unique<None>(wire_format(arguments));
    }};

}  // namespace
}  // namespace tersegrad
