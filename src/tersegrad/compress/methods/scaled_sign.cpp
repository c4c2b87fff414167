// Scaled sign: one bit a coordinate and one scale for the whole gradient (EF-signSGD, Karimireddy et al. 2019).
//
//     C(g) = (‖g‖₁/d)·sign(g);   ‖C(g) − g‖² ≤ (1 − ‖g‖₁²/(d‖g‖²))·‖g‖² ≤ (1 − 1/d)·‖g‖²
//
// d and ‖g‖₁ are those of a replica (a network is one), not of a bucket, so buckets do not change a bit. Up: 4 bytes
// for each replica that the bucket touches, then signs as `sign` sends them. Down: the N messages together or the dense
// fp32 mean, whichever is smaller (GatheredMean).
// An agent holds two bits a coordinate: signs and zeros of a whole step, packed in the pass that adds up magnitudes.
// A non-finite coordinate makes the scale non-finite and with it its whole replica: nothing is hidden. It is counted
// in header.nonfinite of the bucket where it lies.
#include <algorithm>
#include <cstring>

#include "tersegrad/compress/capabilities/fused_feedback.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/sign/scaled_signs.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack.hpp"
#include "tersegrad/compress/sign/scaled_sign_feedback.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"
#include "tersegrad/compress/sign/signed_step.hpp"
#include "tersegrad/compress/wire/blocks.hpp"
#include "tersegrad/core/kernels/norms.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t scale_bytes = sizeof(float);

float scale_at(const MessageView& message, std::int64_t block) {
  float scale;
  std::memcpy(&scale, message.payload.data() + block * scale_bytes, sizeof scale);
  return scale;
}

/// sum += scale·sign of the coordinates [begin, begin + sum.size()) of the bucket. \param begin a multiple of 8
void add_scaled_signs(const Blocks& blocks, const Bucket& bucket, const MessageView& message, const SignPlanes& planes,
                      std::int64_t begin, std::span<float> sum) {
  if (blocks.count(bucket) == 1) {
    const SignPlanes here{planes.signs + begin / 8, planes.zeros == nullptr ? nullptr : planes.zeros + begin / 8};
    subtract_signs(here, -scale_at(message, 0), sum);  // a negative step adds
    return;
  }
  const auto bit = [](const std::byte* plane, std::int64_t j) {
    return std::to_integer<int>(plane[j / 8] >> (j % 8)) & 1;
  };
  const std::int64_t end = begin + static_cast<std::int64_t>(sum.size());
  blocks.for_each_part(bucket, begin, end, [&](std::int64_t block, std::int64_t from, std::int64_t to) {
    const float scale = scale_at(message, block);
    for (std::int64_t j = from; j < to; ++j) {
      const int sign = 2 * bit(planes.signs, j) + (planes.zeros == nullptr ? 0 : bit(planes.zeros, j)) - 1;
      sum[static_cast<std::size_t>(j - begin)] += scale * static_cast<float>(sign);
    }
  });
}

class ScaledSignEncoder : public Encoder {
 public:
  explicit ScaledSignEncoder(const CompressorSetup& setup) : blocks_(setup.layout, 0) {}
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    std::fill(out.begin(), out.end(), 0.0f);
    const SignPlanes planes = read_signs(bucket, view(message), prefix(bucket), mask_);
    add_scaled_signs(blocks_, bucket, view(message), planes, 0, out);
  }

 protected:
  const Blocks& blocks() const { return blocks_; }
  std::int64_t prefix(const Bucket& bucket) const { return blocks_.count(bucket) * scale_bytes; }

 private:
  Blocks blocks_;
  std::vector<std::byte> mask_;
};

/// Of one replica: magnitudes are added up and signs packed in one pass over the gradient.
class OnePassEncoder final : public ScaledSignEncoder {
 public:
  OnePassEncoder(ZeroRule rule, const CompressorSetup& setup, std::uint32_t agent)
      : ScaledSignEncoder(setup), step_(rule, setup, agent) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    step_.begin_step(step);
    step_.measured(kernels::pack_signs_measured(gradient, step_.signs(), step_.zeros()));
  }
  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    step_.write(bucket, message, [&](std::size_t j) { return values[j]; });
  }

 private:
  SignedStep step_;
};

/// Of several replicas, which may begin within a byte of the planes: a scale each.
class ReplicasEncoder final : public ScaledSignEncoder {
 public:
  ReplicasEncoder(ZeroRule rule, const CompressorSetup& setup, std::uint32_t agent)
      : ScaledSignEncoder(setup), writer_(rule, setup.seed, agent) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    writer_.begin_step(step);
    scales_.clear();
    for (std::int64_t b = 0; b < blocks().total(); ++b) {
      const auto part =
          gradient.subspan(static_cast<std::size_t>(blocks().begin(b)), static_cast<std::size_t>(blocks().size()));
      scales_.push_back(static_cast<float>(kernels::sum_of_magnitudes(part) / static_cast<double>(part.size())));
    }
  }
  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    writer_.write(bucket, values, prefix(bucket), message);
    std::memcpy(message.payload.data(), scales_.data() + blocks().first(bucket),
                static_cast<std::size_t>(prefix(bucket)));
  }

 private:
  SignWriter writer_;
  std::vector<float> scales_;
};

class ScaledSignAggregator final : public GatheredMean {
 public:
  explicit ScaledSignAggregator(const CompressorSetup& setup) : GatheredMean(setup.agents), blocks_(setup.layout, 0) {}

 protected:
  void open(const Bucket& bucket, std::span<const MessageView> uplinks) override {
    uplinks_.assign(uplinks.begin(), uplinks.end());
    masks_.resize(uplinks.size());
    planes_.clear();
    for (std::size_t i = 0; i < uplinks.size(); ++i) {
      planes_.push_back(read_signs(bucket, uplinks[i], blocks_.count(bucket) * scale_bytes, masks_[i]));
    }
  }
  void add(const Bucket& bucket, std::size_t i, std::int64_t begin, std::size_t n,
           const kernels::Accumulation& to) override {
    const std::span sum(to.sum, n);
    if (to.first) std::fill(sum.begin(), sum.end(), 0.0f);
    add_scaled_signs(blocks_, bucket, uplinks_[i], planes_[i], begin, sum);
  }
  bool decode_axpy_opened(const Bucket& bucket, float step, std::span<float> x) override {
    if (blocks_.count(bucket) != 1) return false;
    scaled_.clear();
    for (std::size_t i = 0; i < uplinks_.size(); ++i) {
      scaled_.push_back({planes_[i].signs, planes_[i].zeros, scale_at(uplinks_[i], 0)});
    }
    kernels::apply_scaled_signs(scaled_, x, step);
    return true;
  }

 private:
  Blocks blocks_;
  std::vector<MessageView> uplinks_;
  std::vector<SignPlanes> planes_;
  std::vector<kernels::ScaledSigns> scaled_;
  std::vector<std::vector<std::byte>> masks_;
};

class ScaledSign final : public Compressor, public FusedFeedback {
 public:
  ScaledSign(ZeroRule rule, const CompressorSetup& setup) : rule_(rule), setup_(setup) {}
  std::string name() const override { return "scaled-sign" + zero_suffix(rule_); }
  Traits traits() const override {
    return {.kind = Traits::Kind::contractive,
            .constant = 1 / static_cast<double>(setup_.layout.dim),
            .whole_gradient = true};
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    const std::int64_t scales = Blocks(setup_.layout, 0).count(bucket) * scale_bytes;
    return GatheredMean::max_payload_bytes(bucket, scales + 2 * plane_bytes(bucket.size()));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    if (setup_.layout.replicas == 1) return std::make_unique<OnePassEncoder>(rule_, setup_, agent);
    return std::make_unique<ReplicasEncoder>(rule_, setup_, agent);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<ScaledSignAggregator>(setup_); }
  const FusedFeedback* fused_feedback() const override { return this; }
  std::unique_ptr<Encoder> feedback_encoder(Feedback kind, std::uint32_t agent) const override {
    // A random or positive sign(0) leaves a residual of its own; replicas have scales of their own.
    if (rule_ != ZeroRule::exact || setup_.layout.replicas != 1) return nullptr;
    // The plain one decodes only: this kind holds no planes for that.
    return scaled_sign_feedback(kind, setup_, agent, std::make_unique<ReplicasEncoder>(rule_, setup_, agent));
  }

 private:
  ZeroRule rule_;
  CompressorSetup setup_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "scaled-sign",
    "one bit a coordinate and the mean magnitude, ‖g‖₁/d · sign(g) (contractive, δ = 1/d at worst); made for ef:",
    {zero_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      return std::make_unique<ScaledSign>(zero_rule(arguments), setup);
    }};

}  // namespace
}  // namespace tersegrad
