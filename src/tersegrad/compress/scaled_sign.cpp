// Scaled sign: one bit a coordinate and one scale for the whole gradient (EF-signSGD, Karimireddy et al. 2019).
//
//     C(g) = (‖g‖₁/d)·sign(g);   ‖C(g) − g‖² ≤ (1 − ‖g‖₁²/(d‖g‖²))·‖g‖² ≤ (1 − 1/d)·‖g‖²
//
// d and ‖g‖₁ are those of a replica (a network is one), not of a bucket, so buckets do not change a bit. Up: 4 bytes
// for each replica that the bucket touches, then signs as `sign` sends them. Down: the N messages together or the dense
// fp32 mean, whichever is smaller (GatheredMean).
// A non-finite coordinate makes the scale non-finite and with it its whole replica: nothing is hidden. It is counted
// in header.nonfinite of the bucket where it lies.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "tersegrad/compress/blocks.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/apply.hpp"
#include "tersegrad/compress/sign_planes.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t scale_bytes = sizeof(float);

float scale_at(const MessageView& message, std::int64_t block) {
  float scale;
  std::memcpy(&scale, message.payload.data() + block * scale_bytes, sizeof scale);
  return scale;
}

/// sum += scale·sign. \param mask scratch
void add_scaled_signs(const Blocks& blocks, const Bucket& bucket, const MessageView& message, std::span<float> sum,
                      std::vector<std::byte>& mask) {
  const std::int64_t count = blocks.count(bucket), first = blocks.first(bucket);
  const SignPlanes planes = read_signs(bucket, message, count * scale_bytes, mask);
  if (count == 1) {
    const std::byte* both[] = {planes.zeros, planes.signs};
    const bool zeros = planes.zeros != nullptr;
    const auto used = std::span<const std::byte* const>(both).subspan(zeros ? 0 : 1);
    kernels::apply_counts(used, sum, 1.0f, -1, zeros ? 1 : 2, -scale_at(message, 0));  // a negative step adds
    return;
  }
  const auto bit = [](const std::byte* plane, std::int64_t j) {
    return std::to_integer<int>(plane[j / 8] >> (j % 8)) & 1;
  };
  for (std::int64_t b = 0; b < count; ++b) {
    const float scale = scale_at(message, b);
    const std::int64_t end = std::min(blocks.end(first + b), bucket.end) - bucket.begin;
    for (std::int64_t j = std::max(blocks.begin(first + b), bucket.begin) - bucket.begin; j < end; ++j) {
      const int sign = 2 * bit(planes.signs, j) + (planes.zeros == nullptr ? 0 : bit(planes.zeros, j)) - 1;
      sum[static_cast<std::size_t>(j)] += scale * static_cast<float>(sign);
    }
  }
}

class ScaledSignEncoder final : public Encoder {
 public:
  ScaledSignEncoder(ZeroRule rule, const CompressorSetup& setup, std::uint32_t agent)
      : blocks_(setup.layout, 0), writer_(rule, setup.seed, agent) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    writer_.begin_step(step);
    scales_.clear();
    for (std::int64_t b = 0; b < blocks_.total(); ++b) {
      const auto part =
          gradient.subspan(static_cast<std::size_t>(blocks_.begin(b)), static_cast<std::size_t>(blocks_.size()));
      scales_.push_back(static_cast<float>(sum_of_magnitudes(part) / static_cast<double>(part.size())));
    }
  }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    writer_.write(bucket, values, prefix(bucket), message);
    put_scales(bucket, message);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    std::fill(out.begin(), out.end(), 0.0f);
    add_scaled_signs(blocks_, bucket, view(message), out, mask_);
  }

  bool encode_residual(const Bucket& bucket, std::span<float> values, float scale, Message& message) override {
    // A random or positive sign(0) leaves a residual that the kernel does not know of.
    if (writer_.rule() != ZeroRule::exact || blocks_.count(bucket) != 1) {
      return Encoder::encode_residual(bucket, values, scale, message);
    }
    // The kernel adds its two inputs: one is zero here, and a cache-sized piece of the other is copied.
    static constexpr std::size_t run = 4096;
    static constexpr std::array<float, run> zeros{};
    std::array<float, run> memory;
    const float length = scale * scales_[static_cast<std::size_t>(blocks_.first(bucket))];
    const auto planes = writer_.planes(bucket, prefix(bucket), message);
    kernels::SignCounts counts;
    std::uint32_t largest = 0;
    for (std::size_t j = 0; j < values.size(); j += run) {
      const std::size_t n = std::min(run, values.size() - j);
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(j), n, memory.begin());
      counts += kernels::pack_signs_error_feedback(std::span(zeros).first(n), std::span(memory).first(n), length,
                                                   planes.signs.subspan(j / 8, (n + 7) / 8),
                                                   planes.zeros.subspan(j / 8, (n + 7) / 8));
      for (std::size_t i = 0; i < n; ++i) {
        largest = std::max(largest, std::bit_cast<std::uint32_t>(memory[i]) & 0x7fffffffu);
        values[j + i] = memory[i];
      }
    }
    writer_.finish(bucket, counts, prefix(bucket), message);
    put_scales(bucket, message);
    return largest < 0x7f800000u;
  }

 private:
  std::int64_t prefix(const Bucket& bucket) const { return blocks_.count(bucket) * scale_bytes; }
  void put_scales(const Bucket& bucket, Message& message) const {
    std::memcpy(message.payload.data(), scales_.data() + blocks_.first(bucket),
                static_cast<std::size_t>(prefix(bucket)));
  }

  Blocks blocks_;
  SignWriter writer_;
  std::vector<float> scales_;
  std::vector<std::byte> mask_;
};

class ScaledSignAggregator final : public GatheredMean {
 public:
  explicit ScaledSignAggregator(const CompressorSetup& setup) : GatheredMean(setup.agents), blocks_(setup.layout, 0) {}

 protected:
  void add(const Bucket& bucket, const MessageView& uplink, std::span<float> sum) override {
    add_scaled_signs(blocks_, bucket, uplink, sum, mask_);
  }
  void require(const Bucket& bucket, const MessageView& uplink) override {
    read_signs(bucket, uplink, blocks_.count(bucket) * scale_bytes, mask_);
  }

 private:
  Blocks blocks_;
  std::vector<std::byte> mask_;
};

class ScaledSign final : public Compressor {
 public:
  ScaledSign(ZeroRule rule, const CompressorSetup& setup) : rule_(rule), setup_(setup) {}
  std::string name() const override { return "scaled-sign" + zero_suffix(rule_); }
  Traits traits() const override { return {Traits::Kind::contractive, 1 / static_cast<double>(setup_.layout.dim)}; }
  bool needs_whole_gradient() const override { return true; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    const std::int64_t scales = Blocks(setup_.layout, 0).count(bucket) * scale_bytes;
    return GatheredMean::max_payload_bytes(bucket, scales + 2 * plane_bytes(bucket.size()));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return std::make_unique<ScaledSignEncoder>(rule_, setup_, agent);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<ScaledSignAggregator>(setup_); }

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
