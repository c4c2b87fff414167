#include "tersegrad/compress/quantizer.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
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

/// Calls f(block within the bucket, begin, end) for the parts of blocks in [begin, end), relative to the bucket.
template <class F>
void for_each_part(const Blocks& blocks, const Bucket& bucket, std::int64_t begin, std::int64_t end, F&& f) {
  const std::int64_t first = blocks.first(bucket);
  while (begin < end) {
    const std::int64_t block = blocks.at(bucket.begin + begin);
    const std::int64_t stop = std::min(end, blocks.end(block) - bucket.begin);
    f(block - first, begin, stop);
    begin = stop;
  }
}

void pack_symbols(std::span<const std::uint32_t> symbols, int bits, std::byte* out) {
  std::uint64_t held = 0;
  int count = 0;
  for (const std::uint32_t symbol : symbols) {
    held |= std::uint64_t{symbol} << count;
    count += bits;
    if (count >= 32) {
      const auto word = static_cast<std::uint32_t>(held);
      std::memcpy(out, &word, 4);
      out += 4;
      held >>= 32;
      count -= 32;
    }
  }
  for (; count > 0; count -= 8, held >>= 8) *out++ = static_cast<std::byte>(held & 0xff);
}

void unpack_symbols(std::span<const std::byte> in, int bits, std::span<std::uint32_t> symbols) {
  // A copy with room behind it, so that every symbol is cut out of a whole word.
  std::array<std::byte, run * 2 + 8> bytes;
  std::memcpy(bytes.data(), in.data(), (symbols.size() * static_cast<std::size_t>(bits) + 7) / 8);
  const auto width = static_cast<std::uint32_t>(bits), mask = (1u << width) - 1;
  for (std::uint32_t i = 0; i < symbols.size(); ++i) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data() + i * width / 8, sizeof word);
    symbols[i] = word >> (i * width % 8) & mask;
  }
}

/// Symbols of [begin, end) of the bucket. \throws Error if one is none of the 2s + 1 that are used
void read_symbols(const Coding& coding, const Bucket& bucket, const MessageView& message, std::int64_t begin,
                  std::span<std::uint32_t> symbols) {
  const std::int64_t at = coding.prefix(bucket) + begin * coding.bits / 8;
  unpack_symbols(message.payload.subspan(static_cast<std::size_t>(at)), coding.bits, symbols);
  std::uint32_t largest = 0;
  for (const auto symbol : symbols) largest = std::max(largest, symbol);
  TERSEGRAD_CHECK(largest <= 2 * coding.levels, "symbol ", largest, " at step ", message.header.step, ", bucket ",
                  bucket.index, ", agent ", message.header.agent, " (at most ", 2 * coding.levels, " are used)");
}

/// sum += C. \throws Error if the payload is not what it must be
void add_quantized(const Coding& coding, const Bucket& bucket, const MessageView& message, std::span<float> sum) {
  require_payload(message, coding.bytes(bucket));
  const auto s = static_cast<std::int32_t>(coding.levels);
  const auto levels = static_cast<float>(s);
  std::array<std::uint32_t, run> symbols;
  for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
    const std::int64_t end = std::min(begin + run, bucket.size());
    const auto part = std::span(symbols).first(static_cast<std::size_t>(end - begin));
    read_symbols(coding, bucket, message, begin, part);
    for_each_part(coding.blocks, bucket, begin, end, [&](std::int64_t block, std::int64_t from, std::int64_t to) {
      float scale;
      std::memcpy(&scale, message.payload.data() + block * scale_bytes, sizeof scale);
      for (std::int64_t j = from; j < to; ++j) {
        const auto level =
            static_cast<float>(static_cast<std::int32_t>(symbols[static_cast<std::size_t>(j - begin)]) - s);
        sum[static_cast<std::size_t>(j)] += scale * (level / levels);  // |level/s| ≤ 1: no overflow
      }
    });
  }
}

class QuantizerEncoder final : public Encoder {
 public:
  QuantizerEncoder(const QuantizerSetup& setup, std::uint32_t agent) : setup_(setup), coding_(setup), agent_(agent) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    step_ = step;
    if (coding_.blocks.within_buckets()) return;
    scales_.clear();
    for (std::int64_t b = 0; b < coding_.blocks.total(); ++b) {
      scales_.push_back(
          scale_of(gradient.subspan(static_cast<std::size_t>(coding_.blocks.begin(b)),
                                    static_cast<std::size_t>(coding_.blocks.end(b) - coding_.blocks.begin(b)))));
    }
  }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    find_scales(bucket, values);
    resize_payload(message, coding_.bytes(bucket));
    message.header.flags = 0;
    message.header.k = static_cast<std::uint64_t>(bucket.size());
    message.header.nonfinite = saturate(count_nonfinite(values));
    std::memcpy(message.payload.data(), of_bucket_.data(), of_bucket_.size_bytes());

    const Stream stream({setup_.common.seed, Purpose::dither, agent_, step_});
    std::array<std::uint32_t, run + 4> words;
    std::array<std::uint32_t, run> symbols;
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const std::int64_t end = std::min(begin + run, bucket.size());
      // Word c mod 4 of block c / 4 is coordinate c's.
      const auto coordinate = static_cast<std::uint64_t>(bucket.begin + begin);
      const std::size_t skip = coordinate % 4;
      kernels::fill_words(stream, coordinate / 4, std::span(words).first(static_cast<std::size_t>(end - begin) + skip));
      for_each_part(coding_.blocks, bucket, begin, end, [&](std::int64_t block, std::int64_t from, std::int64_t to) {
        const auto n = static_cast<std::size_t>(to - from), at = static_cast<std::size_t>(from - begin);
        quantize(values.subspan(static_cast<std::size_t>(from), n), of_bucket_[static_cast<std::size_t>(block)],
                 words.data() + skip + at, symbols.data() + at);
      });
      pack_symbols(std::span(symbols).first(static_cast<std::size_t>(end - begin)), coding_.bits,
                   message.payload.data() + coding_.prefix(bucket) + begin * coding_.bits / 8);
    }
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    std::fill(out.begin(), out.end(), 0.0f);
    add_quantized(coding_, bucket, view(message), out);
  }

 private:
  float scale_of(std::span<const float> block) const {
    const float largest = largest_magnitude(block);
    if (setup_.scale == BlockScale::largest || std::isnan(largest)) return largest;
    // Rounding is monotone, so the norm in fp32 is no smaller than the largest magnitude. Any scale that is not is
    // unbiased, so one beyond fp32 may be cut.
    return static_cast<float>(std::min(std::sqrt(sum_of_squares(block)), double{std::numeric_limits<float>::max()}));
  }

  /// The scales of the blocks that the bucket touches.
  void find_scales(const Bucket& bucket, std::span<const float> values) {
    const std::int64_t count = coding_.blocks.count(bucket), first = coding_.blocks.first(bucket);
    if (!coding_.blocks.within_buckets()) {
      of_bucket_ =
          std::span<const float>(scales_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
      return;
    }
    scales_.clear();
    for_each_part(coding_.blocks, bucket, 0, bucket.size(), [&](std::int64_t, std::int64_t from, std::int64_t to) {
      scales_.push_back(scale_of(values.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from))));
    });
    of_bucket_ = scales_;
  }

  void quantize(std::span<const float> x, float scale, const std::uint32_t* words, std::uint32_t* symbols) const {
    const auto s = static_cast<std::int32_t>(coding_.levels);
    if (!(scale > 0)) {  // all zero, or not a number: then the scale alone says it
      std::fill_n(symbols, x.size(), coding_.levels);
      return;
    }
    const auto levels = static_cast<float>(s);
    for (std::size_t j = 0; j < x.size(); ++j) {
      // |x|/scale ≤ 1 and its product with s ≤ s: rounding is monotone.
      const float t = std::abs(x[j]) / scale * levels;
      const auto low = static_cast<std::int32_t>(t);
      const auto threshold = static_cast<std::int32_t>((t - static_cast<float>(low)) * 0x1p31f);
      const std::int32_t level = low + (static_cast<std::int32_t>(words[j] >> 1) < threshold ? 1 : 0);
      symbols[j] = static_cast<std::uint32_t>(x[j] < 0 ? s - level : s + level);
    }
  }

  QuantizerSetup setup_;
  Coding coding_;
  std::uint32_t agent_;
  std::uint64_t step_ = 0;
  std::vector<float> scales_;
  std::span<const float> of_bucket_;
};

class QuantizerAggregator final : public GatheredMean {
 public:
  explicit QuantizerAggregator(const QuantizerSetup& setup) : GatheredMean(setup.common.agents), coding_(setup) {}

 protected:
  void add(const Bucket& bucket, const MessageView& uplink, std::span<float> sum) override {
    add_quantized(coding_, bucket, uplink, sum);
  }
  void require(const Bucket& bucket, const MessageView& uplink) override {
    require_payload(uplink, coding_.bytes(bucket));
    std::array<std::uint32_t, run> symbols;  // refused where they arrive, not where every rank decodes them
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const auto n = static_cast<std::size_t>(std::min(run, bucket.size() - begin));
      read_symbols(coding_, bucket, uplink, begin, std::span(symbols).first(n));
    }
  }

 private:
  Coding coding_;
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
