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
#include <bit>
#include <cstring>
#include <limits>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/uniform_words.hpp"
#include "tersegrad/core/random.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t run = 1024;

std::int64_t message_bytes(const Bucket& bucket) { return bucket.size() + plane_bytes(bucket.size()); }

void add_natural(const Bucket& bucket, const MessageView& message, std::span<float> sum) {
  require_payload(message, message_bytes(bucket));
  // Local copies: the compiler must assume that stores through `sum` change the payload's bytes.
  std::array<std::uint8_t, run> exponents;
  std::array<std::uint8_t, run / 8> signs{};
  std::array<std::uint32_t, run> bits;
  for (std::size_t begin = 0; begin < sum.size(); begin += run) {
    const std::size_t n = std::min<std::size_t>(run, sum.size() - begin);
    std::memcpy(exponents.data(), message.payload.data() + begin, n);
    std::memcpy(signs.data(), message.payload.data() + sum.size() + begin / 8, (n + 7) / 8);
    for (std::size_t b = 0; 8 * b < n; ++b) {
      for (std::size_t i = 0; i < 8; ++i) bits[8 * b + i] = (std::uint32_t{signs[b]} >> i & 1u) << 31;
    }
    for (std::size_t j = 0; j < n; ++j) bits[j] |= std::uint32_t{exponents[j]} << 23;
    for (std::size_t j = 0; j < n; ++j) bits[j] = bits[j] == 0x80000000u ? 0x7fc00000u : bits[j];  // "−0" is NaN
    for (std::size_t j = 0; j < n; ++j) sum[begin + j] += std::bit_cast<float>(bits[j]);
  }
}

class NaturalEncoder final : public Encoder {
 public:
  NaturalEncoder(std::uint64_t seed, std::uint32_t agent) : seed_(seed), agent_(agent) {}
  void begin_step(std::uint64_t step, std::span<const float>) override { step_ = step; }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    resize_payload(message, message_bytes(bucket));
    std::byte* exponents = message.payload.data();
    std::byte* signs = exponents + bucket.size();
    const Stream stream({seed_, Purpose::dither, agent_, step_});
    std::array<std::uint32_t, run + 4> words;
    std::array<std::uint32_t, run> codes;
    std::int64_t nonfinite = 0;
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const auto first = static_cast<std::size_t>(begin);
      const auto n = static_cast<std::size_t>(std::min(run, bucket.size() - begin));
      // Word c mod 4 of block c / 4 is coordinate c's.
      const auto coordinate = static_cast<std::uint64_t>(bucket.begin + begin);
      const std::size_t skip = coordinate % 4;
      kernels::fill_words(stream, coordinate / 4, std::span(words).first(n + skip));
      for (std::size_t j = 0; j < n; ++j) {
        const auto bits = std::bit_cast<std::uint32_t>(values[first + j]);
        const std::uint32_t magnitude = bits & 0x7fffffffu;
        const bool finite = magnitude<0x7f800000u, nan = magnitude> 0x7f800000u;
        const std::uint32_t rounded = nan ? 0 : (magnitude + (finite ? words[skip + j] >> 9 : 0)) >> 23;
        const std::uint32_t sign = nan ? 1 : rounded == 0 ? 0 : bits >> 31;
        codes[j] = rounded | sign << 8;
        nonfinite += nan || rounded == 255;
      }
      for (std::size_t j = 0; j < n; ++j) exponents[first + j] = static_cast<std::byte>(codes[j] & 0xff);
      std::fill(codes.begin() + static_cast<std::ptrdiff_t>(n), codes.end(), 0u);
      for (std::size_t b = 0; 8 * b < n; ++b) {
        std::uint32_t byte = 0;
        for (std::size_t i = 0; i < 8; ++i) byte |= (codes[8 * b + i] >> 8) << i;
        signs[first / 8 + b] = static_cast<std::byte>(byte);
      }
    }
    message.header.flags = 0;
    message.header.k = static_cast<std::uint64_t>(bucket.size());
    message.header.nonfinite = saturate(nonfinite);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    std::fill(out.begin(), out.end(), 0.0f);
    add_natural(bucket, view(message), out);
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
  void add(const Bucket& bucket, const MessageView& uplink, std::span<float> sum) override {
    add_natural(bucket, uplink, sum);
  }
  void require(const Bucket& bucket, const MessageView& uplink) override {
    require_payload(uplink, message_bytes(bucket));
  }
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
