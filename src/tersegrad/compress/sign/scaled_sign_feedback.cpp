#include "tersegrad/compress/sign/scaled_sign_feedback.hpp"

#include <utility>

#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/sign/sign_memory.hpp"
#include "tersegrad/compress/sign/signed_step.hpp"
#include "tersegrad/core/buffer.hpp"

namespace tersegrad {
namespace {

class Ef14 final : public Encoder, public EncoderMemory {
 public:
  Ef14(const CompressorSetup& setup, std::uint32_t agent, std::unique_ptr<Encoder> plain)
      : plain_(std::move(plain)), step_(ZeroRule::exact, setup, agent), undo_(setup.undo), values_(step_.size()) {
    if (undo_) next_.resize(values_.size());
  }

  void begin_step(std::uint64_t, std::span<const float> gradient) override {
    commit();
    step_.measured(kernels::pack_signs_residual(gradient, values_, scale_, written(), step_.signs(), step_.zeros()));
    wrote_ = true;
  }
  void pack(const Bucket& bucket, std::span<const float>, Message& message) override {
    const auto p = written().subspan(static_cast<std::size_t>(bucket.begin));
    step_.write(bucket, message, [&](std::size_t j) { return p[j]; });
  }
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    plain_->decode_own(bucket, message, out);
  }
  EncoderMemory* memory() override { return this; }
  void discard_step() override {
    TERSEGRAD_ASSERT(undo_, "a step of an encoder that cannot undo it is taken back");
    wrote_ = false;
  }
  std::vector<State> state() override {
    commit();
    kernels::take_residual(values_, std::exchange(scale_, 0.0f));
    return {{"error", values_}};
  }

 private:
  std::span<float> written() { return undo_ ? next_ : values_; }

  void commit() {
    if (!std::exchange(wrote_, false)) return;
    // A coordinate whose new residual is not finite keeps its old one; where the scale is not finite, that is every one.
    if (undo_ && !step_.finite()) return;
    if (undo_) values_.swap(next_);
    scale_ = step_.finite() ? step_.scale() : 0.0f;
  }

  std::unique_ptr<Encoder> plain_;
  SignedStep step_;
  bool undo_, wrote_ = false;
  Buffer<float> values_, next_;  ///< e is what scale_ leaves of values_
  float scale_ = 0;
};

class Ef21 final : public Encoder, public EncoderMemory {
 public:
  Ef21(const CompressorSetup& setup, std::uint32_t agent, std::unique_ptr<Encoder> plain)
      : plain_(std::move(plain)), step_(ZeroRule::exact, setup, agent), estimate_(step_.size()) {}

  void begin_step(std::uint64_t, std::span<const float> gradient) override {
    step_.measured(kernels::pack_signs_estimate(gradient, scale_, estimate_, step_.signs(), step_.zeros()));
    scale_ = step_.finite() ? step_.scale() : 0.0f;  // else every h stays
  }
  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const auto h = part(bucket);
    step_.write(bucket, message, [&](std::size_t j) { return values[j] - h[j]; });
  }
  /// h of this step: their mean is H.
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    plain_->decode_own(bucket, message, out);
    kernels::axpby({out, part(bucket)}, out);
  }
  EncoderMemory* memory() override { return this; }
  void discard_step() override { scale_ = 0; }
  std::vector<State> state() override {
    kernels::add_signs(estimate_, std::exchange(scale_, 0.0f), step_.signs(), step_.zeros());
    return {{"estimate", estimate_}};
  }

 private:
  std::span<float> part(const Bucket& bucket) {
    return part_of(std::span<float>(estimate_), bucket);
  }

  std::unique_ptr<Encoder> plain_;
  SignedStep step_;
  Buffer<float> estimate_;
  float scale_ = 0;  ///< h is what the step's signs, times this, make of estimate_
};

}  // namespace

std::unique_ptr<Encoder> scaled_sign_feedback(Feedback kind, const CompressorSetup& setup, std::uint32_t agent,
                                              std::unique_ptr<Encoder> plain) {
  if (kind == Feedback::ef14) return std::make_unique<Ef14>(setup, agent, std::move(plain));
  return std::make_unique<Ef21>(setup, agent, std::move(plain));
}

}  // namespace tersegrad
