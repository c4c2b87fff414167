// Sign compression: DSignSGD's uplink, one bit a coordinate, and its exact downlink, the sum of signs in bit planes.
// ±inf votes its sign and NaN votes zero (see ZeroRule); both are counted in header.nonfinite.
#include <algorithm>

#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/dense/apply.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"
#include "tersegrad/compress/sign/vote_count.hpp"

namespace tersegrad {
namespace {

/// Sends the sum of signs back as VoteCounter packs it: exactly.
class SignAggregator final : public Aggregator, public PartialSums, public FusedUpdate {
 public:
  explicit SignAggregator(std::uint32_t agents) : agents_(agents) {}
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    votes_.count(bucket, uplinks, aggregate);
  }

  // A group's sum is the count of a smaller N.
  PartialSums* partial_sums() override { return this; }
  void combine_partial(const Bucket& bucket, std::span<const MessageView> uplinks, Message& partial) override {
    votes_.count(bucket, uplinks, partial);
  }
  void combine_joined(const Bucket& bucket, std::span<const MessageView> partials, Message& aggregate) override {
    votes_.join(bucket, partials, agents_, aggregate);
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    kernels::decode_counts(votes_.read(bucket, aggregate, agents_), mean, scale(), offset(), factor(aggregate));
  }

  FusedUpdate* fused_update() override { return this; }
  bool decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) override {
    kernels::apply_counts(votes_.read(bucket, aggregate, agents_), x, scale(), offset(), factor(aggregate), step);
    return true;
  }

 private:
  // The mean of signs from the count of votes (kernels/apply.hpp).
  float scale() const { return 1.0f / static_cast<float>(agents_); }
  std::int32_t offset() const { return -static_cast<std::int32_t>(agents_); }
  static std::int32_t factor(const MessageView& aggregate) {
    return (aggregate.header.flags & flag_zeros) != 0 ? 1 : 2;
  }

  std::uint32_t agents_;
  VoteCounter votes_;
};

class Sign final : public Compressor {
 public:
  Sign(ZeroRule rule, const CompressorSetup& setup) : rule_(rule), setup_(setup) {}
  std::string name() const override { return "sign" + zero_suffix(rule_); }
  Traits traits() const override { return {.family = Traits::Family::sign}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    const int planes = std::max(2, VoteCounter::plane_count(setup_.agents, true));
    return static_cast<std::uint64_t>(planes * plane_bytes(bucket.size()));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return sign_encoder(rule_, setup_.seed, agent);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<SignAggregator>(setup_.agents); }

 private:
  ZeroRule rule_;
  CompressorSetup setup_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "sign",
    "one bit a coordinate; the mean of signs comes back (DSignSGD, Eq. 10)",
    {zero_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      return std::make_unique<Sign>(zero_rule(arguments), setup);
    }};

}  // namespace
}  // namespace tersegrad
