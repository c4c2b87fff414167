#include "tersegrad/compress/quantizer.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/norms.hpp"
#include "tersegrad/compress/kernels/quantize.hpp"
#include "tersegrad/compress/kernels/symbol_packing.hpp"
#include "tersegrad/compress/kernels/uniform_words.hpp"
#include "tersegrad/compress/values.hpp"
#include "tersegrad/core/random.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t default_block = 128;
constexpr std::int64_t scale_bytes = sizeof(float);
constexpr std::int64_t run = 1024;  // coordinates worked on together; their symbols end at a byte

/// Where things lie in a message.
struct Coding {
  Blocks blocks;
  std::uint32_t levels;
  int bits;  ///< of a symbol

  explicit Coding(const QuantizerSetup& setup)
      : blocks(setup.common.layout, setup.block), levels(setup.levels), bits(std::bit_width(2 * setup.levels)) {}
  std::int64_t prefix(const Bucket& bucket) const { return blocks.count(bucket) * scale_bytes; }
  std::int64_t bytes(const Bucket& bucket) const { return prefix(bucket) + (bucket.size() * bits + 7) / 8; }
};

/// The scales of the coordinates [begin, end) of a bucket. \param scales of the blocks that it touches, at any byte
class Parts {
 public:
  std::span<const kernels::ScaledPart> of(const Coding& coding, const Bucket& bucket, std::int64_t begin,
                                          std::int64_t end, const std::byte* scales) {
    parts_.clear();
    coding.blocks.for_each_part(bucket, begin, end, [&](std::int64_t block, std::int64_t from, std::int64_t to) {
      kernels::ScaledPart part{static_cast<std::size_t>(to - from), 0};
      std::memcpy(&part.scale, scales + block * scale_bytes, sizeof part.scale);
      parts_.push_back(part);
    });
    return parts_;
  }

 private:
  std::vector<kernels::ScaledPart> parts_;
};

/// Symbols of [begin, …) of the bucket. \throws Error if one is none of the 2s + 1 that are used
void read_symbols(const Coding& coding, const Bucket& bucket, const MessageView& message, std::int64_t begin,
                  std::span<std::uint16_t> symbols) {
  const auto at = static_cast<std::size_t>(coding.prefix(bucket) + begin * coding.bits / 8);
  const std::size_t bytes = (symbols.size() * static_cast<std::size_t>(coding.bits) + 7) / 8;
  const std::uint32_t largest = kernels::unpack_symbols(message.payload.subspan(at, bytes), coding.bits, symbols);
  TERSEGRAD_CHECK(largest <= 2 * coding.levels, "symbol ", largest, " at step ", message.header.step, ", bucket ",
                  bucket.index, ", agent ", message.header.agent, " (at most ", 2 * coding.levels, " are used)");
}

/// sum += C of the coordinates [first, first + sum.size()) of the bucket. \param first a multiple of 8
/// \throws Error if a symbol is none
void add_quantized(const Coding& coding, const kernels::LevelFractions& fractions, const Bucket& bucket,
                   const MessageView& message, std::int64_t first, std::span<float> sum, Parts& parts) {
  std::array<std::uint16_t, run> symbols;
  const std::int64_t last = first + static_cast<std::int64_t>(sum.size());
  for (std::int64_t begin = first; begin < last; begin += run) {
    const std::int64_t end = std::min(begin + run, last);
    const auto n = static_cast<std::size_t>(end - begin);
    read_symbols(coding, bucket, message, begin, std::span(symbols).first(n));
    kernels::add_quantized(std::span(symbols).first(n), parts.of(coding, bucket, begin, end, message.payload.data()),
                           fractions, sum.subspan(static_cast<std::size_t>(begin - first), n));
  }
}

class QuantizerEncoder final : public Encoder {
 public:
  QuantizerEncoder(const QuantizerSetup& setup, std::uint32_t agent)
      : setup_(setup), coding_(setup), fractions_(setup.levels), agent_(agent) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    step_ = step;
    if (coding_.blocks.within_buckets()) return;
    scales_.clear();
    for (std::int64_t b = 0; b < coding_.blocks.total(); ++b) {
      const auto block = gradient.subspan(static_cast<std::size_t>(coding_.blocks.begin(b)),
                                          static_cast<std::size_t>(coding_.blocks.end(b) - coding_.blocks.begin(b)));
      float scale;
      find_scales(block, block.size(), std::span(&scale, 1));
      scales_.push_back(scale);
    }
  }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    resize_payload(message, coding_.bytes(bucket));
    message.header.flags = 0;
    message.header.k = static_cast<std::uint64_t>(bucket.size());
    std::byte* const payload = message.payload.data();
    const bool own_scales = coding_.blocks.within_buckets();
    if (!own_scales) {
      const std::int64_t count = coding_.blocks.count(bucket), first = coding_.blocks.first(bucket);
      std::memcpy(payload, scales_.data() + first, static_cast<std::size_t>(count * scale_bytes));
    }
    const Stream stream({setup_.common.seed, Purpose::dither, agent_, step_});
    std::array<std::uint32_t, run + 4> words;
    std::array<std::uint16_t, run> symbols;
    std::int64_t nonfinite = 0;
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const std::int64_t end = std::min(begin + run, bucket.size());
      const auto n = static_cast<std::size_t>(end - begin);
      const auto part = values.subspan(static_cast<std::size_t>(begin), n);
      if (own_scales) put_scales(part, payload + begin / coding_.blocks.size() * scale_bytes);
      const auto parts = parts_.of(coding_, bucket, begin, end, payload);
      for (const auto& scaled : parts) {  // a non-finite coordinate makes its block's scale NaN
        if (!std::isnan(scaled.scale)) continue;
        nonfinite += count_nonfinite(part);
        break;
      }
      // Word c mod 4 of block c / 4 is coordinate c's.
      const auto coordinate = static_cast<std::uint64_t>(bucket.begin + begin);
      const std::size_t skip = coordinate % 4;
      kernels::fill_words(stream, coordinate / 4, std::span(words).first(n + skip));
      kernels::quantize(part, parts, coding_.levels, std::span(words).subspan(skip, n), std::span(symbols).first(n));
      const std::size_t bytes = (n * static_cast<std::size_t>(coding_.bits) + 7) / 8;
      kernels::pack_symbols(std::span(symbols).first(n), coding_.bits,
                            {payload + coding_.prefix(bucket) + begin * coding_.bits / 8, bytes});
    }
    message.header.nonfinite = saturate(nonfinite);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    std::fill(out.begin(), out.end(), 0.0f);
    require_payload(view(message), coding_.bytes(bucket));
    add_quantized(coding_, fractions_, bucket, view(message), 0, out, parts_);
  }

 private:
  /// \param out one scale for every `block` coordinates of x
  void find_scales(std::span<const float> x, std::size_t block, std::span<float> out) {
    if (setup_.scale == BlockScale::largest) {
      kernels::largest_magnitudes(x, block, out);
      return;
    }
    squares_.resize(out.size());
    kernels::sums_of_squares(x, block, squares_);
    for (std::size_t b = 0; b < out.size(); ++b) {
      // Rounding is monotone, so the norm in fp32 is no smaller than the largest magnitude. Any scale that is not is
      // unbiased, so one beyond fp32 may be cut.
      const double norm = std::min(std::sqrt(squares_[b]), double{std::numeric_limits<float>::max()});
      out[b] = std::isfinite(squares_[b]) ? static_cast<float>(norm) : std::numeric_limits<float>::quiet_NaN();
    }
  }

  /// The scales of whole blocks, the last perhaps shorter. \param to any address
  void put_scales(std::span<const float> values, std::byte* to) {
    const auto block = static_cast<std::size_t>(coding_.blocks.size());
    scales_.resize((values.size() + block - 1) / block);
    find_scales(values, block, scales_);
    std::memcpy(to, scales_.data(), scales_.size() * sizeof(float));
  }

  QuantizerSetup setup_;
  Coding coding_;
  kernels::LevelFractions fractions_;
  std::uint32_t agent_;
  std::uint64_t step_ = 0;
  std::vector<float> scales_;
  std::vector<double> squares_;
  Parts parts_;
};

class QuantizerAggregator final : public GatheredMean {
 public:
  explicit QuantizerAggregator(const QuantizerSetup& setup)
      : GatheredMean(setup.common.agents), coding_(setup), fractions_(setup.levels) {}

 protected:
  void open(const Bucket& bucket, std::span<const MessageView> uplinks) override {
    for (const auto& uplink : uplinks) require_payload(uplink, coding_.bytes(bucket));
    uplinks_.assign(uplinks.begin(), uplinks.end());
  }
  void verify(const Bucket& bucket, std::size_t i) override {
    std::array<std::uint16_t, run> symbols;
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const auto n = static_cast<std::size_t>(std::min(run, bucket.size() - begin));
      read_symbols(coding_, bucket, uplinks_[i], begin, std::span(symbols).first(n));
    }
  }
  void add(const Bucket& bucket, std::size_t i, std::int64_t begin, std::span<float> sum) override {
    add_quantized(coding_, fractions_, bucket, uplinks_[i], begin, sum, parts_);
  }

 private:
  Coding coding_;
  kernels::LevelFractions fractions_;
  std::vector<MessageView> uplinks_;
  Parts parts_;
};

}  // namespace

Parameter block_parameter() {
  return {"block", concat(default_block),
          "coordinates that share a scale; 0: the whole gradient. Sizes that do not divide 128 wait for the whole "
          "gradient"};
}

std::int64_t block_size(const Arguments& arguments) {
  const std::int64_t block = arguments.integer("block", 0, std::int64_t{1} << 32);
  TERSEGRAD_CHECK(block == 0 || block >= 8, "blocks of ", block, " coordinates in '", arguments.spec().text,
                  "' (must be at least 8, or 0 for the whole gradient)");
  return block;
}

std::string block_suffix(std::int64_t block) { return block == default_block ? "" : concat(":block=", block); }

std::uint64_t Quantizer::max_payload_bytes(const Bucket& bucket) const {
  return GatheredMean::max_payload_bytes(bucket, Coding(setup_).bytes(bucket));
}

std::unique_ptr<Encoder> Quantizer::encoder(std::uint32_t agent) const {
  return std::make_unique<QuantizerEncoder>(setup_, agent);
}

std::unique_ptr<Aggregator> Quantizer::aggregator() const { return std::make_unique<QuantizerAggregator>(setup_); }

}  // namespace tersegrad
