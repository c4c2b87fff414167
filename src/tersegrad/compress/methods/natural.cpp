// Natural compression: stochastic rounding to powers of two, sign and exponent only, 9 bits (Horváth et al. 2019).
//
//     |C(g)_j| = 2^{e+1} with probability |g_j|/2^e − 1, else 2^e, where 2^e ≤ |g_j| < 2^{e+1};   E C(g) = g,   ω = 1/8
//
// Adding 23 random bits to the mantissa carries into the exponent with just that probability. Of denormals the carry
// makes 2^-126 with the right probability, else 0: unbiased, though ω does not hold below 2^-126. From 2^127 on
// rounding up gives inf, which is counted as if the coordinate had been inf.
//
// A message is the exponents, a byte a coordinate, and a plane of signs (1: negative). inf keeps its exponent 255 and
// its sign; NaN is "−0", which no number needs. Both are counted in header.nonfinite.
#include <algorithm>
#include <vector>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/quantized/coins.hpp"
#include "tersegrad/compress/kernels/quantized/natural.hpp"
#include "tersegrad/core/kernels/prefetch.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

std::int64_t message_bytes(const Bucket& bucket) { return bucket.size() + plane_bytes(bucket.size()); }

/// Hands C of the coordinates [begin, begin + n) of the bucket to `to`. \param begin a multiple of 8
void add_natural(const Bucket& bucket, const MessageView& message, std::int64_t begin, std::size_t n,
                 const kernels::Accumulation& to) {
  const auto first = static_cast<std::size_t>(begin);
  const auto exponents = message.payload.first(static_cast<std::size_t>(bucket.size()));
  const auto signs = message.payload.subspan(exponents.size());
  kernels::add_powers(exponents.subspan(first, n), signs.subspan(first / 8, (n + 7) / 8), to);
}

class NaturalEncoder final : public Encoder {
 public:
  NaturalEncoder(std::uint64_t seed, std::uint32_t agent) : seed_(seed), agent_(agent) {}
  void begin_step(std::uint64_t step, std::span<const float>) override { step_ = step; }

  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    resize_payload(message, message_bytes(bucket));
    const auto exponents = std::span(message.payload).first(values.size());
    const auto signs = std::span(message.payload).subspan(values.size());
    kernels::Coins coins({seed_, Purpose::dither, agent_, step_});
    std::int64_t nonfinite = 0;
    kernels::Ahead ahead(values, kernels::Coins::most);
    for (std::size_t first = 0; first < values.size(); first += kernels::Coins::most) {
      const std::size_t n = std::min(kernels::Coins::most, values.size() - first);
      ahead.fetch(kernels::Coins::most / 2);
      coins.draw(static_cast<std::uint64_t>(bucket.begin) + first, n);
      ahead.fetch(kernels::Coins::most / 2);
      nonfinite += kernels::round_to_powers(values.subspan(first, n), coins, exponents.subspan(first, n),
                                            signs.subspan(first / 8, (n + 7) / 8));
    }
    message.header.nonfinite = saturate(nonfinite);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    require_payload(view(message), message_bytes(bucket));
    add_natural(bucket, view(message), 0, out.size(), {.sum = out.data(), .first = true});
  }

 private:
  std::uint64_t seed_;
  std::uint32_t agent_;
  std::uint64_t step_ = 0;
};

class NaturalAggregator final : public GatheredMean {
 public:
  using GatheredMean::GatheredMean;

 protected:
  void open(const Bucket& bucket, std::span<const MessageView> uplinks) override {
    for (const auto& uplink : uplinks) require_payload(uplink, message_bytes(bucket));
    uplinks_.assign(uplinks.begin(), uplinks.end());
  }
  void add(const Bucket& bucket, std::size_t i, std::int64_t begin, std::size_t n,
           const kernels::Accumulation& to) override {
    add_natural(bucket, uplinks_[i], begin, n, to);
  }
  bool decode_axpy_opened(const Bucket& bucket, float step, std::span<float> x) override {
    powers_.clear();
    for (const auto& uplink : uplinks_) powers_.push_back({uplink.payload.data(), uplink.payload.data() + bucket.size()});
    kernels::decode_axpy_powers(powers_, step, x);
    return true;
  }

 private:
  std::vector<MessageView> uplinks_;
  std::vector<kernels::Powers> powers_;
};

class Natural final : public Compressor {
 public:
  explicit Natural(const CompressorSetup& setup) : seed_(setup.seed), agents_(setup.agents) {}
  std::string name() const override { return "natural"; }
  Traits traits() const override { return {.kind = Traits::Kind::unbiased, .constant = 1.0 / 8}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    return GatheredMean::max_payload_bytes(bucket, message_bytes(bucket));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return std::make_unique<NaturalEncoder>(seed_, agent);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<NaturalAggregator>(agents_); }

 private:
  std::uint64_t seed_;
  std::uint32_t agents_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "natural",
    "stochastic rounding to powers of two, 9 bits a coordinate (unbiased, ω = 1/8)",
    {},
    [](const Arguments&, const CompressorSetup& setup) { return std::make_unique<Natural>(setup); }};

}  // namespace
}  // namespace tersegrad
