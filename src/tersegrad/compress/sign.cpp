// Sign compression: DSignSGD's uplink, one bit a coordinate, and its exact downlink, the sum of signs in bit planes.
#include <algorithm>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/apply.hpp"
#include "tersegrad/compress/kernels/planes.hpp"
#include "tersegrad/compress/kernels/sign_pack.hpp"
#include "tersegrad/compress/zero_mask.hpp"
#include "tersegrad/core/random.hpp"

namespace tersegrad {
namespace {

/// What sign(0) is, and with it the vote of a NaN that --nonfinite keep lets through.
enum class ZeroRule {
  exact,   ///< 0: a zero mask follows in buckets that have zeros, packed where that is shorter than a plane
  random,  ///< ±1 by a fair coin of the agent's stream, addressed by coordinate
  plus,    ///< +1
};

class SignEncoder final : public Encoder {
 public:
  SignEncoder(ZeroRule rule, std::uint64_t seed, std::uint32_t agent) : rule_(rule), seed_(seed), agent_(agent) {}

  void begin_step(std::uint64_t step, std::span<const float>) override { step_ = step; }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const std::int64_t plane = plane_bytes(bucket.size());
    resize_payload(message, 2 * plane);
    const std::span<std::byte> payload(message.payload);
    const auto signs = payload.first(static_cast<std::size_t>(plane));
    const auto zeros = payload.subspan(static_cast<std::size_t>(plane));
    const auto counts = kernels::pack_signs(values, signs, zeros);
    const bool any_zero = counts.zeros + counts.nan > 0;
    if (any_zero && rule_ == ZeroRule::random) toss(bucket, signs, zeros);
    if (any_zero && rule_ == ZeroRule::plus) {
      for (std::size_t b = 0; b < signs.size(); ++b) signs[b] |= zeros[b];
    }
    message.header.flags = 0;
    if (any_zero && rule_ == ZeroRule::exact) {
      // A quarter of a ReLU network's coordinates may be zero, but in runs: as a plane they would cost the second
      // bit that one-bit compression is about, packed a few hundredths.
      message.header.flags = flag_zeros;
      pack_mask(zeros, bucket.size(), packed_);
      if (packed_.size() < zeros.size()) {
        std::copy(packed_.begin(), packed_.end(), zeros.begin());
        resize_payload(message, plane + static_cast<std::int64_t>(packed_.size()));
        message.header.flags |= flag_packed;
      }
    } else {
      resize_payload(message, plane);
    }
    message.header.k = static_cast<std::uint64_t>(bucket.size());
    message.header.nonfinite = saturate(counts.nonfinite);
  }

 private:
  void toss(const Bucket& bucket, std::span<std::byte> signs, std::span<const std::byte> zeros) const {
    // Bit c mod 128 of block c / 128 is coordinate c's coin, so buckets do not matter.
    const Stream stream({seed_, Purpose::zero, agent_, step_});
    std::uint64_t cached = ~0ull;
    std::array<std::uint32_t, 4> words{};
    for (std::size_t b = 0; b < zeros.size(); ++b) {
      for (unsigned mask = std::to_integer<unsigned>(zeros[b]); mask != 0; mask &= mask - 1) {
        const unsigned bit = static_cast<unsigned>(__builtin_ctz(mask));
        const std::uint64_t coordinate = static_cast<std::uint64_t>(bucket.begin) + 8 * b + bit;
        if (coordinate / 128 != cached) words = stream.block(cached = coordinate / 128);
        const unsigned coin = words[coordinate % 128 / 32] >> (coordinate % 32) & 1u;
        signs[b] |= static_cast<std::byte>(coin << bit);
      }
    }
  }

  ZeroRule rule_;
  std::uint64_t seed_;
  std::uint32_t agent_;
  std::uint64_t step_ = 0;
  std::vector<std::byte> packed_;
};

/// Sum of N signs as an integer in bit planes: the number c of positive votes, 0 ≤ c ≤ N, where no agent had a
/// zero, else s + N, 0 ≤ s + N ≤ 2N with s the sum of signs. Lossless: ⌈log2(N+1)⌉ or ⌈log2(2N+1)⌉ bits a coordinate.
class SignAggregator final : public Aggregator {
 public:
  explicit SignAggregator(std::uint32_t agents) : agents_(agents) {}
  void begin_step(std::uint64_t) override {}

  void merge(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    const std::int64_t plane = plane_bytes(bucket.size());
    signs_.clear();
    zeros_.clear();
    bool any_zero = false;
    masks_.resize(uplinks.size());
    for (std::size_t a = 0; a < uplinks.size(); ++a) {
      signs_.push_back(uplinks[a].payload.data());
      zeros_.push_back(zero_plane(bucket, uplinks[a], masks_[a]));
      any_zero |= zeros_.back() != nullptr;
    }
    const int planes = planes_of(any_zero);
    resize_payload(aggregate, planes * plane);
    out_.clear();
    for (int p = 0; p < planes; ++p) out_.push_back(aggregate.payload.data() + p * plane);
    if (any_zero) {
      kernels::count_votes_with_zeros(signs_, zeros_, static_cast<std::size_t>(plane), out_.data(), planes);
    } else {
      kernels::count_votes(signs_, static_cast<std::size_t>(plane), out_.data(), planes);
    }
    aggregate.header.flags = any_zero ? flag_zeros : 0;
    aggregate.header.k = static_cast<std::uint64_t>(bucket.size());
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    const bool zeros = (aggregate.header.flags & flag_zeros) != 0;
    const std::int64_t plane = plane_bytes(bucket.size());
    const int planes = planes_of(zeros);
    require_payload(aggregate, planes * plane);
    in_.clear();
    for (int p = 0; p < planes; ++p) in_.push_back(aggregate.payload.data() + p * plane);
    const auto n = static_cast<std::int32_t>(agents_);
    kernels::decode_counts(in_, mean, 1.0f / static_cast<float>(n), -n, zeros ? 1 : 2);
  }

 private:
  /// An uplink's zero plane, null if it has none; unpacked into `scratch` if need be. Checks the payload's length.
  static const std::byte* zero_plane(const Bucket& bucket, const MessageView& uplink, std::vector<std::byte>& scratch) {
    const std::int64_t plane = plane_bytes(bucket.size());
    if ((uplink.header.flags & flag_zeros) == 0) {
      require_payload(uplink, plane);
      return nullptr;
    }
    if ((uplink.header.flags & flag_packed) == 0) {
      require_payload(uplink, 2 * plane);
      return uplink.payload.data() + plane;
    }
    require_payload_at_least(uplink, plane);
    scratch.resize(static_cast<std::size_t>(plane));
    TERSEGRAD_CHECK(unpack_mask(uplink.payload.subspan(static_cast<std::size_t>(plane)), bucket.size(), scratch),
                    "damaged zero mask at step ", uplink.header.step, ", bucket ", bucket.index, ", agent ",
                    uplink.header.agent);
    return scratch.data();
  }

  int planes_of(bool zeros) const { return kernels::planes_for(zeros ? 2 * std::int64_t{agents_} : agents_); }

  std::uint32_t agents_;
  std::vector<const std::byte*> signs_, zeros_, in_;
  std::vector<std::vector<std::byte>> masks_;
  std::vector<std::byte*> out_;
};

class Sign final : public Compressor {
 public:
  Sign(ZeroRule rule, const CompressorSetup& setup) : rule_(rule), setup_(setup) {}
  std::string name() const override {
    return rule_ == ZeroRule::exact ? "sign" : rule_ == ZeroRule::random ? "sign:zero=random" : "sign:zero=plus";
  }
  Traits traits() const override { return {Traits::Kind::biased, 0}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    const int planes = std::max(2, kernels::planes_for(2 * std::int64_t{setup_.agents}));
    return static_cast<std::uint64_t>(planes * plane_bytes(bucket.size()));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return std::make_unique<SignEncoder>(rule_, setup_.seed, agent);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<SignAggregator>(setup_.agents); }

 private:
  ZeroRule rule_;
  CompressorSetup setup_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "sign",
    "one bit a coordinate; the mean of signs comes back (DSignSGD, Eq. 10)",
    {{"zero", "exact", "what sign(0) is: exact (0, by a packed mask where there are zeros), random (fair coin) or plus (+1)"}},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      const auto& zero = arguments.one_of("zero", {"exact", "random", "plus"});
      const auto rule = zero == "exact" ? ZeroRule::exact : zero == "random" ? ZeroRule::random : ZeroRule::plus;
      return std::make_unique<Sign>(rule, setup);
    }};

}  // namespace
}  // namespace tersegrad
