#include "tersegrad/compress/quantized/quantizer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/quantized/block_units.hpp"
#include "tersegrad/compress/kernels/quantized/coins.hpp"
#include "tersegrad/compress/kernels/quantized/quantize.hpp"
#include "tersegrad/compress/kernels/quantized/symbol_packing.hpp"
#include "tersegrad/compress/wire/values.hpp"
#include "tersegrad/core/kernels/norms.hpp"
#include "tersegrad/core/kernels/prefetch.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t default_block = 128;
constexpr std::int64_t unit_bytes = sizeof(float);
constexpr std::int64_t run = kernels::Coins::most;  // coordinates worked on together
static_assert(run % kernels::symbol_group == 0, "a run's symbols lie where its coordinates say");

/// Where things lie in a message.
struct Coding {
  Blocks blocks;
  std::uint32_t levels;
  int bits;  ///< of a symbol

  explicit Coding(const QuantizerSetup& setup)
      : blocks(setup.common.layout, setup.block), levels(setup.levels), bits(std::bit_width(2 * setup.levels)) {}
  std::int64_t prefix(const Bucket& bucket) const { return blocks.count(bucket) * unit_bytes; }
  std::int64_t bytes(const Bucket& bucket) const { return prefix(bucket) + (bucket.size() * bits + 7) / 8; }
};

/// The units of the coordinates [begin, end) of a bucket. \param units of the blocks that it touches, at any byte
class Parts {
 public:
  std::span<const kernels::ScaledPart> of(const Coding& coding, const Bucket& bucket, std::int64_t begin,
                                          std::int64_t end, const std::byte* units) {
    parts_.clear();
    coding.blocks.for_each_part(bucket, begin, end, [&](std::int64_t block, std::int64_t from, std::int64_t to) {
      kernels::ScaledPart part{static_cast<std::size_t>(to - from), 0};
      std::memcpy(&part.unit, units + block * unit_bytes, sizeof part.unit);
      parts_.push_back(part);
    });
    return parts_;
  }

 private:
  std::vector<kernels::ScaledPart> parts_;
};

/// Symbols of [begin, …) of the bucket. \param begin a multiple of symbol_group, as is the end but for the bucket's
/// \throws Error if one is none of the 2s + 1 that are used
void read_symbols(const Coding& coding, const Bucket& bucket, const MessageView& message, std::int64_t begin,
                  std::span<std::uint32_t> symbols) {
  const auto at = static_cast<std::size_t>(coding.prefix(bucket) + begin * coding.bits / 8);
  const std::size_t bytes = (symbols.size() * static_cast<std::size_t>(coding.bits) + 7) / 8;
  const std::uint32_t largest = kernels::unpack_symbols(message.payload.subspan(at, bytes), coding.bits, symbols);
  TERSEGRAD_CHECK(largest <= 2 * coding.levels, "symbol ", largest, " at step ", message.header.step, ", bucket ",
                  bucket.index, ", agent ", message.header.agent, " (at most ", 2 * coding.levels, " are used)");
}

/// Hands C of the coordinates [first, first + n) of the bucket to `to`. \param first a multiple of symbol_group
/// \throws Error if a symbol is none
void add_quantized(const Coding& coding, const Bucket& bucket, const MessageView& message, std::int64_t first,
                   std::size_t n, const kernels::Accumulation& to, Parts& parts) {
  std::array<std::uint32_t, run> symbols;
  const std::int64_t last = first + static_cast<std::int64_t>(n);
  for (std::int64_t begin = first; begin < last; begin += run) {
    const std::int64_t end = std::min(begin + run, last);
    const auto part = std::span(symbols).first(static_cast<std::size_t>(end - begin));
    read_symbols(coding, bucket, message, begin, part);
    kernels::add_quantized(part, parts.of(coding, bucket, begin, end, message.payload.data()), coding.levels,
                           to.at(static_cast<std::size_t>(begin - first)));
  }
}

class QuantizerEncoder final : public Encoder {
 public:
  QuantizerEncoder(const QuantizerSetup& setup, std::uint32_t agent)
      : setup_(setup), coding_(setup), agent_(agent) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    step_ = step;
    if (coding_.blocks.within_buckets()) return;
    units_.clear();
    for (std::int64_t b = 0; b < coding_.blocks.total(); ++b) {
      const auto block = gradient.subspan(static_cast<std::size_t>(coding_.blocks.begin(b)),
                                          static_cast<std::size_t>(coding_.blocks.end(b) - coding_.blocks.begin(b)));
      const double scale = setup_.scale == BlockScale::largest ? kernels::largest_magnitude(block)
                                                               : kernels::euclidean_norm(block);
      units_.push_back(kernels::unit_of(scale, coding_.levels));
    }
  }

  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    resize_payload(message, coding_.bytes(bucket));
    std::byte* const payload = message.payload.data();
    const bool own_units = coding_.blocks.within_buckets();
    if (!own_units) {
      const std::int64_t count = coding_.blocks.count(bucket), first = coding_.blocks.first(bucket);
      std::memcpy(payload, units_.data() + first, static_cast<std::size_t>(count * unit_bytes));
    }
    kernels::Coins coins({setup_.common.seed, Purpose::dither, agent_, step_});
    std::array<std::uint32_t, run> symbols;
    std::int64_t nonfinite = 0;
    kernels::Ahead ahead(values, run);
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const std::int64_t end = std::min(begin + run, bucket.size());
      const auto n = static_cast<std::size_t>(end - begin);
      const auto part = values.subspan(static_cast<std::size_t>(begin), n);
      ahead.fetch(run / 4);
      if (own_units) put_units(part, payload + begin / coding_.blocks.size() * unit_bytes);
      const auto parts = parts_.of(coding_, bucket, begin, end, payload);
      for (const auto& scaled : parts) {  // a non-finite coordinate makes its block's unit NaN
        if (!std::isnan(scaled.unit)) continue;
        nonfinite += count_nonfinite(part);
        break;
      }
      ahead.fetch(run / 4);
      coins.draw(static_cast<std::uint64_t>(bucket.begin + begin), n);
      ahead.fetch(run / 4);
      kernels::quantize(part, parts, coding_.levels, coins, std::span(symbols).first(n));
      ahead.fetch(run / 4);
      const std::size_t bytes = (n * static_cast<std::size_t>(coding_.bits) + 7) / 8;
      kernels::pack_symbols(std::span(symbols).first(n), coding_.bits,
                            {payload + coding_.prefix(bucket) + begin * coding_.bits / 8, bytes});
    }
    message.header.nonfinite = saturate(nonfinite);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    require_payload(view(message), coding_.bytes(bucket));
    add_quantized(coding_, bucket, view(message), 0, out.size(), {.sum = out.data(), .first = true}, parts_);
  }

 private:
  /// The units of whole blocks, the last perhaps shorter. \param to any address
  void put_units(std::span<const float> values, std::byte* to) {
    const auto block = static_cast<std::size_t>(coding_.blocks.size());
    units_.resize((values.size() + block - 1) / block);
    const auto units_of =
        setup_.scale == BlockScale::largest ? kernels::largest_units : kernels::euclidean_units;
    units_of(values, block, coding_.levels, units_);
    std::memcpy(to, units_.data(), units_.size() * sizeof(float));
  }

  QuantizerSetup setup_;
  Coding coding_;
  std::uint32_t agent_;
  std::uint64_t step_ = 0;
  std::vector<float> units_;
  Parts parts_;
};

class QuantizerAggregator final : public GatheredMean {
  static_assert(piece % kernels::symbol_group == 0, "a piece's symbols lie where its coordinates say");

 public:
  explicit QuantizerAggregator(const QuantizerSetup& setup)
      : GatheredMean(setup.common.agents), coding_(setup) {}

 protected:
  void open(const Bucket& bucket, std::span<const MessageView> uplinks) override {
    for (const auto& uplink : uplinks) require_payload(uplink, coding_.bytes(bucket));
    uplinks_.assign(uplinks.begin(), uplinks.end());
  }
  void verify(const Bucket& bucket, std::size_t i) override {
    std::array<std::uint32_t, run> symbols;
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const auto n = static_cast<std::size_t>(std::min(run, bucket.size() - begin));
      read_symbols(coding_, bucket, uplinks_[i], begin, std::span(symbols).first(n));
    }
  }
  void add(const Bucket& bucket, std::size_t i, std::int64_t begin, std::size_t n,
           const kernels::Accumulation& to) override {
    add_quantized(coding_, bucket, uplinks_[i], begin, n, to, parts_);
  }
  bool decode_axpy_opened(const Bucket& bucket, float step, std::span<float> x) override {
    const std::size_t agents = uplinks_.size();
    units_.resize(agents);
    symbols_.resize(agents);
    runs_.resize(agents);
    kernels::Ahead ahead(x, run);
    const std::size_t share = run / (agents + 1) / 16 * 16;
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const std::int64_t end = std::min(begin + run, bucket.size());
      const auto n = static_cast<std::size_t>(end - begin);
      for (std::size_t i = 0; i < agents; ++i) {
        ahead.fetch(share);
        const auto symbols = std::span(symbols_[i]).first(n);
        read_symbols(coding_, bucket, uplinks_[i], begin, symbols);
        runs_[i] = {symbols.data(), units_[i].of(coding_, bucket, begin, end, uplinks_[i].payload.data())};
      }
      ahead.fetch(run - agents * share);
      kernels::decode_axpy_quantized(runs_, coding_.levels, step, x.subspan(static_cast<std::size_t>(begin), n));
    }
    return true;
  }

 private:
  Coding coding_;
  std::vector<MessageView> uplinks_;
  Parts parts_;
  std::vector<Parts> units_;
  std::vector<std::array<std::uint32_t, run>> symbols_;
  std::vector<kernels::QuantizedRun> runs_;
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
