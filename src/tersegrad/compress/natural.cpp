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
#include <array>
#include <vector>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/natural.hpp"
#include "tersegrad/compress/kernels/uniform_words.hpp"
#include "tersegrad/core/random.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t run = 1024;

std::int64_t message_bytes(const Bucket& bucket) { return bucket.size() + plane_bytes(bucket.size()); }

/// sum += C of the coordinates [begin, begin + sum.size()) of the bucket. \param begin a multiple of 8
void add_natural(const Bucket& bucket, const MessageView& message, std::int64_t begin, std::span<float> sum) {
  const auto first = static_cast<std::size_t>(begin), n = sum.size();
  const auto exponents = message.payload.first(static_cast<std::size_t>(bucket.size()));
  const auto signs = message.payload.subspan(exponents.size());
  kernels::add_powers(exponents.subspan(first, n), signs.subspan(first / 8, (n + 7) / 8), sum);
}

class NaturalEncoder final : public Encoder {
 public:
  NaturalEncoder(std::uint64_t seed, std::uint32_t agent) : seed_(seed), agent_(agent) {}
  void begin_step(std::uint64_t step, std::span<const float>) override { step_ = step; }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    resize_payload(message, message_bytes(bucket));
    const auto exponents = std::span(message.payload).first(values.size());
    const auto signs = std::span(message.payload).subspan(values.size());
    const Stream stream({seed_, Purpose::dither, agent_, step_});
    std::array<std::uint32_t, run + 4> words;
    std::int64_t nonfinite = 0;
    for (std::size_t first = 0; first < values.size(); first += run) {
      const std::size_t n = std::min(run, values.size() - first);
      // Word c mod 4 of block c / 4 is coordinate c's.
      const std::uint64_t coordinate = static_cast<std::uint64_t>(bucket.begin) + first;
      const std::size_t skip = coordinate % 4;
      kernels::fill_words(stream, coordinate / 4, std::span(words).first(n + skip));
      nonfinite += kernels::round_to_powers(values.subspan(first, n), std::span(words).subspan(skip, n),
                                            exponents.subspan(first, n), signs.subspan(first / 8, (n + 7) / 8));
    }
    message.header.flags = 0;
    message.header.k = static_cast<std::uint64_t>(bucket.size());
    message.header.nonfinite = saturate(nonfinite);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    std::fill(out.begin(), out.end(), 0.0f);
    require_payload(view(message), message_bytes(bucket));
    add_natural(bucket, view(message), 0, out);
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
  void add(const Bucket& bucket, std::size_t i, std::int64_t begin, std::span<float> sum) override {
    add_natural(bucket, uplinks_[i], begin, sum);
  }

 private:
  std::vector<MessageView> uplinks_;
};

class Natural final : public Compressor {
 public:
  explicit Natural(const CompressorSetup& setup) : seed_(setup.seed), agents_(setup.agents) {}
  std::string name() const override { return "natural"; }
  Traits traits() const override { return {Traits::Kind::unbiased, 1.0 / 8}; }
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
