// Error feedback around any compressor (Seide et al. 2014, EF14; Stich et al. 2018, Algorithm 1).
//
//     p_i = g_i + e_i,   sends aC(p_i),   e_i ← p_i − aC(p_i),   mean = (1/N) Σ aC(p_i)
//
// in gradient units, which differs from the papers' η(g + e) only while the step size changes. a =
// Compressor::feedback_scale(): 1 for a contractive C, 1/(1 + ω) for an unbiased one, so ef:randk sends the plain
// values of its k coordinates. Messages, lengths and aggregates are those of C; both ends multiply by a.
//
// Memory: e_i, one float a coordinate and agent (one more where a step may be undone, two bits around scaled-sign), zero at
// first.
// A coordinate whose new memory is not finite keeps its old one; what is sent is C's business, header.nonfinite too.
#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/capabilities/fused_feedback.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/capabilities/sparse.hpp"
#include "tersegrad/compress/capabilities/update.hpp"
#include "tersegrad/compress/memory.hpp"

namespace tersegrad {
namespace {

class FeedbackEncoder final : public Encoder, public EncoderMemory {
 public:
  FeedbackEncoder(const Compressor& inner, std::uint32_t agent, std::int64_t size, bool undo)
      : inner_(inner.encoder(agent)),
        axpby_(*inner_),
        whole_(inner.traits().whole_gradient),
        scale_(static_cast<float>(inner.traits().feedback_scale())),
        memory_(size, undo) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    memory_.commit();
    if (whole_) {
      axpby_->begin_step_axpby(step, {gradient, memory_.kept()}, memory_.next(), true);
    } else {
      inner_->begin_step(step, {});
    }
  }

  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const auto corrected = memory_.next(bucket);
    memory_.wrote();
    if (whole_) {
      inner_->encode(bucket, corrected, message);
    } else {
      axpby_->encode_axpby(bucket, {values, memory_.kept(bucket)}, corrected, message);
    }
    const bool finite = axpby_->subtract_own(bucket, corrected, scale_, message);
    if (!finite || message.header.nonfinite > 0) memory_.keep_finite(bucket);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    inner_->decode_own(bucket, message, out);
    for (float& value : out) value *= scale_;
  }

  EncoderMemory* memory() override { return this; }
  void discard_step() override { memory_.discard(); }

  std::vector<State> state() override {
    memory_.commit();
    return {{"error", memory_.kept()}};
  }

 private:
  std::unique_ptr<Encoder> inner_;
  AxpbyOf axpby_;
  bool whole_;
  float scale_;
  Memory memory_;
};

class FeedbackAggregator final : public Aggregator, public SparseView {
 public:
  explicit FeedbackAggregator(const Compressor& inner)
      : inner_(inner.aggregator()), sparse_(inner_->sparse_view()), scale_(static_cast<float>(inner.traits().feedback_scale())) {}
  void begin_step(std::uint64_t step) override { inner_->begin_step(step); }
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    inner_->aggregate(bucket, uplinks, aggregate);
  }
  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    inner_->decode(bucket, aggregate, mean);
    if (scale_ == 1.0f) return;
    for (float& value : mean) value *= scale_;
  }
  // With a factor only lists are fast: a list is short, and scaled before it is used.
  SparseView* sparse_view() override { return sparse_ == nullptr ? nullptr : this; }
  FusedUpdate* fused_update() override { return scale_ == 1.0f ? inner_->fused_update() : nullptr; }
  DenseView* dense_view() override { return scale_ == 1.0f ? inner_->dense_view() : nullptr; }
  std::optional<SparseValues> decode_sparse(const Bucket& bucket, const MessageView& aggregate) override {
    auto sparse = sparse_->decode_sparse(bucket, aggregate);
    if (!sparse || scale_ == 1.0f) return sparse;
    scaled_.assign(sparse->values.begin(), sparse->values.end());
    for (float& value : scaled_) value *= scale_;
    sparse->values = scaled_;
    return sparse;
  }

 private:
  std::unique_ptr<Aggregator> inner_;
  SparseView* sparse_;
  float scale_;
  std::vector<float> scaled_;
};

class ErrorFeedback final : public Compressor {
 public:
  ErrorFeedback(std::shared_ptr<const Compressor> inner, const CompressorSetup& setup)
      : inner_(std::move(inner)), size_(setup.layout.total()), undo_(setup.undo) {}
  std::string name() const override { return "ef:" + inner_->name(); }
  // Biased is one step; over steps nothing is lost.
  Traits traits() const override { return {.whole_gradient = inner_->traits().whole_gradient}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override { return inner_->max_payload_bytes(bucket); }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    if (auto fused = fused_feedback_encoder(*inner_, Feedback::ef14, agent)) return fused;
    return std::make_unique<FeedbackEncoder>(*inner_, agent, size_, undo_);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<FeedbackAggregator>(*inner_); }

 private:
  std::shared_ptr<const Compressor> inner_;
  std::int64_t size_;
  bool undo_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "ef",
    "error feedback (EF14) around a compressor: what one step does not send the next ones do",
    {{"inner...", "", "an unbiased or contractive compressor, e.g. topk:0.01 or scaled-sign", "topk:0.25"}},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      return std::make_unique<ErrorFeedback>(make_for_feedback(arguments.text("inner"), setup, "ef"), setup);
    }};

}  // namespace
}  // namespace tersegrad
