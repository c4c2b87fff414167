// EF21: compresses what is new in the gradient (Richtárik, Sokolov, Fatkhullin 2021, Algorithm 2).
//
//     c_i = aC(g_i − h_i),   h_i ← h_i + c_i,   H ← H + (1/N) Σ c_i,   the mean that comes back is H
//
// a = Compressor::feedback_scale(), as for ef. Every rank keeps H (the same bits everywhere); all start at zero, so the
// first step is the paper's h_i = C(g_i). Messages, lengths and aggregates are those of C.
//
// Memory: h_i, one float a coordinate and agent (and one more, for what is new and so that a step can be undone; around
// scaled-sign two bits instead), and H.
// A coordinate whose new h_i or H is not finite keeps its old one, while the mean of that step shows the NaN or inf.
#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/capabilities/fused_feedback.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/capabilities/sparse.hpp"
#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/memory.hpp"

namespace tersegrad {
namespace {

bool is_finite(float x) { return (std::bit_cast<std::uint32_t>(x) & 0x7f800000u) != 0x7f800000u; }

class Ef21Encoder final : public Encoder, public EncoderMemory {
 public:
  Ef21Encoder(const Compressor& inner, std::uint32_t agent, std::int64_t size)
      : inner_(inner.encoder(agent)),
        axpby_(*inner_),
        whole_(inner.traits().whole_gradient),
        scale_(static_cast<float>(inner.traits().feedback_scale())),
        memory_(size, true) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    memory_.commit();
    before_.clear();
    if (whole_) {
      axpby_->begin_step_axpby(step, {gradient, memory_.kept(), 1, -1}, memory_.next(), false);
    } else {
      inner_->begin_step(step, {});
    }
  }

  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const auto kept = memory_.kept(bucket), next = memory_.next(bucket);
    if (whole_) {
      inner_->encode(bucket, next, message);
    } else {
      axpby_->encode_axpby(bucket, {values, kept, 1, -1}, next, message);
    }
    if (const auto sparse = decode_own_sparse(*inner_, bucket, message)) {
      // A few coordinates change: where they lie, so that the others are not copied.
      const auto all = memory_.kept();
      for (std::size_t i = 0; i < sparse->indices.size(); ++i) {
        const std::uint32_t j = sparse->indices[i];
        const float value = all[j] + scale_ * sparse->values[i];
        if (!is_finite(value)) continue;
        before_.push_back({j, all[j]});
        all[j] = value;
      }
      return;
    }
    memory_.wrote();
    inner_->decode_own(bucket, message, next);
    if (kernels::axpby({next, kept, scale_, 1}, next) > 0) memory_.keep_finite(bucket);
  }

  /// h_i of this step: their mean is H.
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    inner_->decode_own(bucket, message, out);
    const auto kept = memory_.kept();
    for (std::size_t i = before_.size(); i-- > 0;) std::swap(kept[before_[i].index], before_[i].value);
    for (std::size_t j = 0; j < out.size(); ++j) {
      out[j] = kept[static_cast<std::size_t>(bucket.begin) + j] + scale_ * out[j];
    }
    for (auto& changed : before_) std::swap(kept[changed.index], changed.value);
  }

  EncoderMemory* memory() override { return this; }
  void discard_step() override {
    for (const auto& changed : before_) memory_.kept()[changed.index] = changed.value;
    before_.clear();
    memory_.discard();
  }

  std::vector<State> state() override {
    memory_.commit();
    return {{"estimate", memory_.kept()}};
  }

 private:
  std::unique_ptr<Encoder> inner_;
  /// A coordinate that the step has changed, and what it was.
  struct Changed {
    std::uint32_t index;
    float value;
  };

  AxpbyOf axpby_;
  bool whole_;
  float scale_;
  Memory memory_;
  std::vector<Changed> before_;
};

class Ef21Aggregator final : public Aggregator, public AggregatorMemory, public DenseView {
 public:
  Ef21Aggregator(const Compressor& inner, std::int64_t size)
      : inner_(inner.aggregator()),
        scale_(static_cast<float>(inner.traits().feedback_scale())),
        mean_(static_cast<std::size_t>(size)) {}
  void begin_step(std::uint64_t step) override { inner_->begin_step(step); }
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    inner_->aggregate(bucket, uplinks, aggregate);
  }
  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    const auto kept = part(bucket);
    inner_->decode(bucket, aggregate, mean);
    kernels::axpby({mean, kept, scale_, 1}, mean);
    for (std::size_t j = 0; j < mean.size(); ++j) kept[j] = is_finite(mean[j]) ? mean[j] : kept[j];
  }
  /// H itself, where all agents' gradients are finite. (float32 may still not hold the sum: then H is inf, as x is.)
  DenseView* dense_view() override { return this; }
  std::span<const float> dense_view(const Bucket& bucket, const MessageView& aggregate) override {
    if (aggregate.header.nonfinite > 0) return {};
    const auto kept = part(bucket);
    if (!decode_axpy(*inner_, bucket, aggregate, -scale_, kept)) {  // a negative step adds, bit for bit
      decoded_.resize(kept.size());
      inner_->decode(bucket, aggregate, decoded_);
      kernels::axpby({decoded_, kept, scale_, 1}, kept);
    }
    return kept;
  }
  AggregatorMemory* memory() override { return this; }
  std::vector<State> state() override { return {{"mean", mean_}}; }

 private:
  std::span<float> part(const Bucket& bucket) {
    return part_of(std::span<float>(mean_), bucket);
  }

  std::unique_ptr<Aggregator> inner_;
  float scale_;
  Buffer<float> mean_, decoded_;
};

class Ef21 final : public Compressor {
 public:
  Ef21(std::shared_ptr<const Compressor> inner, std::int64_t size) : inner_(std::move(inner)), size_(size) {}
  std::string name() const override { return "ef21:" + inner_->name(); }
  // Biased is one step; over steps h_i follows g_i.
  Traits traits() const override { return {.whole_gradient = inner_->traits().whole_gradient}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override { return inner_->max_payload_bytes(bucket); }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    if (auto fused = fused_feedback_encoder(*inner_, Feedback::ef21, agent)) return fused;
    return std::make_unique<Ef21Encoder>(*inner_, agent, size_);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<Ef21Aggregator>(*inner_, size_); }

 private:
  std::shared_ptr<const Compressor> inner_;
  std::int64_t size_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "ef21",
    "EF21 around a compressor: sends what changed in the gradient, both ends add it up",
    {{"inner...", "", "an unbiased or contractive compressor, e.g. topk:0.01 or scaled-sign", "topk:0.25"}},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      return std::make_unique<Ef21>(make_for_feedback(arguments.text("inner"), setup, "ef21"), setup.layout.total());
    }};

}  // namespace
}  // namespace tersegrad
