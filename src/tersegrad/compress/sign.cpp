// Sign compression: DSignSGD's uplink, one bit a coordinate, and its exact downlink, the sum of signs in bit planes.
// ±inf votes its sign and NaN votes zero (see ZeroRule); both are counted in header.nonfinite.
#include <algorithm>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/apply.hpp"
#include "tersegrad/compress/kernels/planes.hpp"
#include "tersegrad/compress/sign_planes.hpp"

namespace tersegrad {
namespace {

/// Sum of N signs as an integer in bit planes: the number c of positive votes, 0 ≤ c ≤ N, where no agent had a
/// zero, else s + N, 0 ≤ s + N ≤ 2N with s the sum of signs. Lossless: ⌈log2(N+1)⌉ or ⌈log2(2N+1)⌉ bits a coordinate.
class SignAggregator final : public Aggregator {
 public:
  explicit SignAggregator(std::uint32_t agents) : agents_(agents) {}
  void begin_step(std::uint64_t) override {}

  void merge(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    count(bucket, uplinks, aggregate);
  }

  // A group's sum is the count of a smaller N.
  bool supports_partial() const override { return true; }
  void merge_partial(const Bucket& bucket, std::span<const MessageView> uplinks, Message& partial) override {
    count(bucket, uplinks, partial);
  }

  void join_partials(const Bucket& bucket, std::span<const MessageView> partials, Message& aggregate) override {
    const std::int64_t plane = plane_bytes(bucket.size());
    bool any_zero = false;
    std::uint64_t together = 0;
    for (const auto& partial : partials) {
      any_zero |= (partial.header.flags & flag_zeros) != 0;
      together += partial.header.agent;
    }
    TERSEGRAD_CHECK(together == agents_, "partial sums of ", together, " agents at bucket ", bucket.index, " (expected ",
                    agents_, ")");
    const int planes = planes_of(agents_, any_zero);
    resize_payload(aggregate, planes * plane);
    std::fill(aggregate.payload.begin(), aggregate.payload.end(), std::byte{0});
    out_.clear();
    for (int p = 0; p < planes; ++p) out_.push_back(aggregate.payload.data() + p * plane);
    for (const auto& partial : partials) {
      const bool zeros = (partial.header.flags & flag_zeros) != 0;
      const int its_planes = planes_of(partial.header.agent, zeros);
      require_payload(partial, its_planes * plane);
      in_.clear();
      for (int p = 0; p < its_planes; ++p) in_.push_back(partial.payload.data() + p * plane);
      require_counts(partial, plane, partial.header.agent, zeros);
      // A group without zeros counts c positive votes, s + n = 2c: beside groups with zeros it goes one plane higher.
      const int shift = any_zero && !zeros ? 1 : 0;
      kernels::add_counts(in_, static_cast<std::size_t>(plane), out_.data() + shift, planes - shift);
    }
    aggregate.header.flags = any_zero ? flag_zeros : 0;
    aggregate.header.k = static_cast<std::uint64_t>(bucket.size());
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    const bool zeros = (aggregate.header.flags & flag_zeros) != 0;
    const std::int64_t plane = plane_bytes(bucket.size());
    const int planes = planes_of(agents_, zeros);
    require_payload(aggregate, planes * plane);
    in_.clear();
    for (int p = 0; p < planes; ++p) in_.push_back(aggregate.payload.data() + p * plane);
    require_counts(aggregate, plane, agents_, zeros);
    const auto n = static_cast<std::int32_t>(agents_);
    kernels::decode_counts(in_, mean, 1.0f / static_cast<float>(n), -n, zeros ? 1 : 2);
  }

 private:
  /// The packed sum of any number of agents' signs.
  void count(const Bucket& bucket, std::span<const MessageView> uplinks, Message& sum) {
    const std::int64_t plane = plane_bytes(bucket.size());
    signs_.clear();
    zeros_.clear();
    bool any_zero = false;
    masks_.resize(uplinks.size());
    for (std::size_t a = 0; a < uplinks.size(); ++a) {
      const SignPlanes read = read_signs(bucket, uplinks[a], 0, masks_[a]);
      signs_.push_back(read.signs);
      zeros_.push_back(read.zeros);
      any_zero |= read.zeros != nullptr;
    }
    const int planes = planes_of(uplinks.size(), any_zero);
    resize_payload(sum, planes * plane);
    out_.clear();
    for (int p = 0; p < planes; ++p) out_.push_back(sum.payload.data() + p * plane);
    if (any_zero) {
      kernels::count_votes_with_zeros(signs_, zeros_, static_cast<std::size_t>(plane), out_.data(), planes);
    } else {
      kernels::count_votes(signs_, static_cast<std::size_t>(plane), out_.data(), planes);
    }
    sum.header.flags = any_zero ? flag_zeros : 0;
    sum.header.k = static_cast<std::uint64_t>(bucket.size());
  }

  /// \throws Error if a count in the planes of `in_` is more than so many agents can give
  void require_counts(const MessageView& sum, std::int64_t plane, std::uint64_t agents, bool zeros) const {
    const std::uint64_t most = zeros ? 2 * agents : agents;
    TERSEGRAD_CHECK(!kernels::any_count_above(in_, static_cast<std::size_t>(plane), most), "a sum of signs beyond ",
                    agents, " agents at step ", sum.header.step, ", bucket ", sum.header.bucket, " (a damaged message)");
  }

  static int planes_of(std::uint64_t agents, bool zeros) {
    return kernels::planes_for(static_cast<std::int64_t>(zeros ? 2 * agents : agents));
  }

  std::uint32_t agents_;
  std::vector<const std::byte*> signs_, zeros_, in_;
  std::vector<std::vector<std::byte>> masks_;
  std::vector<std::byte*> out_;
};

class Sign final : public Compressor {
 public:
  Sign(ZeroRule rule, const CompressorSetup& setup) : rule_(rule), setup_(setup) {}
  std::string name() const override { return "sign" + zero_suffix(rule_); }
  Traits traits() const override { return {Traits::Kind::biased, 0}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    const int planes = std::max(2, kernels::planes_for(2 * std::int64_t{setup_.agents}));
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
