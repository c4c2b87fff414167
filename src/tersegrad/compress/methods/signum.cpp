// Signum: the sign of a moving average of the agent's gradient (Bernstein et al. 2018, Algorithm 2).
//
//     m_i ← β m_i + (1 − β) g_i,   sends sign(m_i)
//
// The signs go through `sign` (their mean comes back, the default), `majority` or `scaled-sign`, with their messages,
// lengths and aggregates. No bias correction: a sign does not feel the factor 1 − β^t.
//
// Memory: m_i, one float a coordinate and agent (and one more where a step may be undone), zero at first.
// A non-finite coordinate of g_i votes as it does in `sign` and is counted in header.nonfinite; m_i stays as it was.
#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/memory.hpp"

namespace tersegrad {
namespace {

class SignumEncoder final : public Encoder, public EncoderMemory {
 public:
  SignumEncoder(const Compressor& inner, std::uint32_t agent, double beta, std::int64_t size, bool undo)
      : inner_(inner.encoder(agent)),
        axpby_(*inner_),
        whole_(inner.traits().whole_gradient),
        beta_(static_cast<float>(beta)),
        rest_(static_cast<float>(1 - beta)),
        memory_(size, undo) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    memory_.commit();
    if (whole_) {
      axpby_->begin_step_axpby(step, {gradient, memory_.kept(), rest_, beta_}, memory_.next(), true);
    } else {
      inner_->begin_step(step, {});
    }
  }

  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const auto momentum = memory_.next(bucket);
    memory_.wrote();
    if (whole_) {
      inner_->encode(bucket, momentum, message);
    } else {
      axpby_->encode_axpby(bucket, {values, memory_.kept(bucket), rest_, beta_}, momentum, message);
    }
    if (message.header.nonfinite > 0) memory_.keep_finite(bucket);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    inner_->decode_own(bucket, message, out);
  }

  EncoderMemory* memory() override { return this; }
  void discard_step() override { memory_.discard(); }

  std::vector<State> state() override {
    memory_.commit();
    return {{"momentum", memory_.kept()}};
  }

 private:
  std::unique_ptr<Encoder> inner_;
  AxpbyOf axpby_;
  bool whole_;
  float beta_, rest_;
  Memory memory_;
};

class Signum final : public Compressor {
 public:
  Signum(std::shared_ptr<const Compressor> inner, double beta, const CompressorSetup& setup)
      : inner_(std::move(inner)), beta_(beta), size_(setup.layout.total()), undo_(setup.undo) {}
  std::string name() const override {
    const std::string sign = inner_->name();
    return concat("signum:", shortest(beta_), sign == "sign" ? "" : ":" + sign);
  }
  Traits traits() const override {
    const Traits inner = inner_->traits();
    return {.averaged = inner.averaged, .whole_gradient = inner.whole_gradient};
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override { return inner_->max_payload_bytes(bucket); }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return std::make_unique<SignumEncoder>(*inner_, agent, beta_, size_, undo_);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return inner_->aggregator(); }

 private:
  std::shared_ptr<const Compressor> inner_;
  double beta_;
  std::int64_t size_;
  bool undo_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "signum",
    "sign of a moving average of the agent's gradient (sign momentum), one bit a coordinate",
    {{"beta", "0.9", "how much of the average stays from step to step, from 0 up to but not including 1"},
     {"inner...", "sign", "how the signs travel: sign, majority or scaled-sign, with their arguments"}},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      const double beta = arguments.real("beta", 0, 1);
      TERSEGRAD_CHECK(beta < 1, "'", arguments.spec().text,
                      "' has beta 1 (must be below 1: the average would never move)");
      const std::string& inner = arguments.text("inner");
      const std::string family = Spec::parse(inner).name;
      TERSEGRAD_CHECK(family == "sign" || family == "majority" || family == "scaled-sign", "signum sends signs, not '",
                      inner, "' (must be sign, majority or scaled-sign)");
      return std::make_unique<Signum>(CompressorRegistry::instance().make(inner, setup), beta, setup);
    }};

}  // namespace
}  // namespace tersegrad
