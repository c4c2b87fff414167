#include "tersegrad/compress/scaled_sign_feedback.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/sign_memory.hpp"
#include "tersegrad/compress/sign_planes.hpp"
#include "tersegrad/core/buffer.hpp"

namespace tersegrad {
namespace {

/// The signs and the scale of a whole step, and messages made of them.
class SignedStep {
 public:
  SignedStep(const CompressorSetup& setup, std::uint32_t agent)
      : size_(static_cast<std::size_t>(setup.layout.total())),
        writer_(ZeroRule::exact, setup.seed, agent),
        signs_((size_ + 7) / 8),
        zeros_(signs_.size()) {}

  std::size_t size() const { return size_; }
  std::span<std::byte> signs() { return signs_; }
  std::span<std::byte> zeros() { return zeros_; }
  void measured(const kernels::SignTotals& totals) {
    scale_ = static_cast<float>(totals.magnitudes / static_cast<double>(size_));
    all_finite_ = totals.counts.nonfinite == 0;
  }
  float scale() const { return scale_; }
  bool finite() const { return std::isfinite(scale_); }  ///< the scale, which one coordinate that is not finite makes so too

  /// \param p_at  coordinate j of the bucket, asked for only where some coordinate of the step is not finite
  template <class At>
  void write(const Bucket& bucket, Message& message, At&& p_at) {
    constexpr std::int64_t prefix = sizeof scale_;
    const auto room = writer_.planes(bucket, prefix, message);
    const auto first = bucket.begin / 8;
    std::copy_n(signs_.begin() + first, room.signs.size(), room.signs.begin());
    std::copy_n(zeros_.begin() + first, room.zeros.size(), room.zeros.begin());
    kernels::SignCounts counts;
    std::byte any{};
    for (const std::byte byte : room.zeros) any |= byte;
    counts.zeros = any != std::byte{} ? 1 : 0;  // that there are some is all that is asked
    for (std::int64_t j = 0; !all_finite_ && j < bucket.size(); ++j) {
      counts.nonfinite += !std::isfinite(p_at(static_cast<std::size_t>(j)));
    }
    writer_.finish(bucket, counts, prefix, message);
    std::memcpy(message.payload.data(), &scale_, sizeof scale_);
  }

 private:
  std::size_t size_;
  SignWriter writer_;
  Buffer<std::byte> signs_, zeros_;
  float scale_ = 0;
  bool all_finite_ = true;
};

class Ef14 final : public Encoder {
 public:
  Ef14(const CompressorSetup& setup, std::uint32_t agent, std::unique_ptr<Encoder> plain)
      : plain_(std::move(plain)), step_(setup, agent), undo_(setup.undo), memory_(step_.size()) {
    if (undo_) next_.resize(memory_.size());
  }

  void begin_step(std::uint64_t, std::span<const float> gradient) override {
    commit();
    step_.measured(kernels::pack_signs_residual(gradient, memory_, scale_, written(), step_.signs(), step_.zeros()));
    wrote_ = true;
  }
  void encode(const Bucket& bucket, std::span<const float>, Message& message) override {
    const auto p = written().subspan(static_cast<std::size_t>(bucket.begin));
    step_.write(bucket, message, [&](std::size_t j) { return p[j]; });
  }
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    plain_->decode_own(bucket, message, out);
  }
  void discard_step() override {
    TERSEGRAD_CHECK(undo_, "bug: a step of an encoder that cannot undo it is taken back");
    wrote_ = false;
  }
  std::vector<State> state() override {
    commit();
    kernels::take_residual(memory_, std::exchange(scale_, 0.0f));
    return {{"error", memory_}};
  }

 private:
  std::span<float> written() { return undo_ ? next_ : memory_; }

  void commit() {
    if (!std::exchange(wrote_, false)) return;
    // A coordinate whose new residual is not finite keeps its old one; where the scale is not finite, that is every one.
    if (undo_ && !step_.finite()) return;
    if (undo_) memory_.swap(next_);
    scale_ = step_.finite() ? step_.scale() : 0.0f;
  }

  std::unique_ptr<Encoder> plain_;
  SignedStep step_;
  bool undo_, wrote_ = false;
  Buffer<float> memory_, next_;  ///< e is what scale_ leaves of memory_
  float scale_ = 0;
};

class Ef21 final : public Encoder {
 public:
  Ef21(const CompressorSetup& setup, std::uint32_t agent, std::unique_ptr<Encoder> plain)
      : plain_(std::move(plain)), step_(setup, agent), estimate_(step_.size()) {}

  void begin_step(std::uint64_t, std::span<const float> gradient) override {
    step_.measured(kernels::pack_signs_estimate(gradient, scale_, estimate_, step_.signs(), step_.zeros()));
    scale_ = step_.finite() ? step_.scale() : 0.0f;  // else every h stays
  }
  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const auto h = part(bucket);
    step_.write(bucket, message, [&](std::size_t j) { return values[j] - h[j]; });
  }
  /// h of this step: their mean is H.
  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    plain_->decode_own(bucket, message, out);
    kernels::blend({out, part(bucket)}, out);
  }
  void discard_step() override { scale_ = 0; }
  std::vector<State> state() override {
    kernels::add_signs(estimate_, std::exchange(scale_, 0.0f), step_.signs(), step_.zeros());
    return {{"estimate", estimate_}};
  }

 private:
  std::span<float> part(const Bucket& bucket) {
    return std::span(estimate_).subspan(static_cast<std::size_t>(bucket.begin), static_cast<std::size_t>(bucket.size()));
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
