#include "tersegrad/compress/coordinatewise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/gathered_mean.hpp"
#include "tersegrad/compress/kernels/quantized/symbol_packing.hpp"
#include "tersegrad/compress/wire/blocks.hpp"
#include "tersegrad/compress/wire/values.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t run = 4096;  // coordinates worked on together
constexpr std::size_t most_scales = 16;
static_assert(run % kernels::symbol_group == 0, "a run's symbols lie where its coordinates say");

/// Where things lie in a message, and what they mean.
class Coding {
 public:
  Coding(std::shared_ptr<const CoordinatewiseMethod> method, const CompressorSetup& setup)
      : method_(std::move(method)), wire_(method_->wire()), blocks_(setup.layout, wire_.block), bits_(std::bit_width(wire_.symbols - 1)) {
    TERSEGRAD_ASSERT((wire_.block == 0 || wire_.block >= 8) && wire_.symbols >= 2 && wire_.symbols <= 65536 && wire_.scales >= 1 &&
                         wire_.scales <= most_scales,
                     "compressor '", method_->name(), "' has ", wire_.symbols, " symbols and blocks of ", wire_.block, " with ", wire_.scales,
                     " scales (CoordinatewiseMethod::Wire says how many there may be)");
  }

  const CoordinatewiseMethod& method() const { return *method_; }
  const Blocks& blocks() const { return blocks_; }
  std::size_t scales() const { return wire_.scales; }
  int bits() const { return bits_; }
  std::size_t scale_bytes() const { return wire_.scales * sizeof(float); }
  std::int64_t prefix(const Bucket& bucket) const { return blocks_.count(bucket) * static_cast<std::int64_t>(scale_bytes()); }
  std::int64_t bytes(const Bucket& bucket) const { return prefix(bucket) + (bucket.size() * bits_ + 7) / 8; }
  /// Where the symbols of [begin, begin + n) of the bucket lie. \param begin a multiple of symbol_group
  std::pair<std::size_t, std::size_t> place(const Bucket& bucket, std::int64_t begin, std::size_t n) const {
    return {static_cast<std::size_t>(prefix(bucket) + begin * bits_ / 8), (n * static_cast<std::size_t>(bits_) + 7) / 8};
  }

  /// One whole block. \param begin its first coordinate \returns what header.nonfinite counts of it
  std::int64_t encode(std::span<const float> values, const Stream& stream, std::int64_t begin, std::span<float> scales,
                      std::span<std::uint32_t> symbols) const {
    std::int64_t nonfinite = count_nonfinite(values);
    if (nonfinite == 0) {
      method_->encode(values, BlockDraws(stream, begin), scales, symbols);
      if (std::all_of(scales.begin(), scales.end(), [](float scale) { return std::isfinite(scale); })) return 0;
      nonfinite = static_cast<std::int64_t>(values.size());
    }
    std::fill(scales.begin(), scales.end(), std::numeric_limits<float>::quiet_NaN());
    std::fill(symbols.begin(), symbols.end(), 0u);
    return nonfinite;
  }

  /// \throws Error if a symbol is none
  void read_symbols(const Bucket& bucket, const MessageView& message, std::int64_t begin, std::span<std::uint32_t> symbols) const {
    const auto [at, bytes] = place(bucket, begin, symbols.size());
    const std::uint32_t largest = kernels::unpack_symbols(message.payload.subspan(at, bytes), bits_, symbols);
    TERSEGRAD_CHECK(largest < wire_.symbols, "symbol ", largest, " at step ", message.header.step, ", bucket ", bucket.index, ", agent ",
                    message.header.agent, " (at most ", wire_.symbols - 1, " are used)");
  }

  /// Hands C of the coordinates [first, first + n) of the bucket to `to`. \param first a multiple of symbol_group
  /// \throws Error if a symbol is none
  void decode(const Bucket& bucket, const MessageView& message, std::int64_t first, std::size_t n, const kernels::Accumulation& to) const {
    std::array<std::uint32_t, run> symbols;
    std::array<float, run> values;
    std::array<float, most_scales> scales;
    const std::int64_t last = first + static_cast<std::int64_t>(n);
    for (std::int64_t begin = first; begin < last; begin += run) {
      const std::int64_t end = std::min(begin + run, last);
      const auto size = static_cast<std::size_t>(end - begin);
      read_symbols(bucket, message, begin, std::span(symbols).first(size));
      blocks_.for_each_part(bucket, begin, end, [&](std::int64_t block, std::int64_t from, std::int64_t to_here) {
        const auto at = static_cast<std::size_t>(from - begin), count = static_cast<std::size_t>(to_here - from);
        std::memcpy(scales.data(), message.payload.data() + static_cast<std::size_t>(block) * scale_bytes(), scale_bytes());
        const auto own = std::span<const float>(scales).first(wire_.scales);
        const auto part = std::span(values).subspan(at, count);
        if (std::any_of(own.begin(), own.end(), [](float scale) { return std::isnan(scale); })) {
          std::fill(part.begin(), part.end(), std::numeric_limits<float>::quiet_NaN());
        } else {
          method_->decode(std::span<const std::uint32_t>(symbols).subspan(at, count), own, part);
        }
      });
      const auto sum = to.at(static_cast<std::size_t>(begin - first));
      for (std::size_t j = 0; j < size; ++j) sum.take(j, values[j]);
    }
  }

 private:
  std::shared_ptr<const CoordinatewiseMethod> method_;
  CoordinatewiseMethod::Wire wire_;
  Blocks blocks_;
  int bits_;
};

class CoordinatewiseEncoder final : public Encoder {
 public:
  CoordinatewiseEncoder(const Coding& coding, const CompressorSetup& setup, std::uint32_t agent)
      : coding_(coding), id_{setup.seed, Purpose::dither, agent, 0}, stream_(id_) {}

  /// A block that a bucket may cut is encoded here, from the whole gradient.
  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    id_.step = step;
    stream_ = Stream(id_);
    const Blocks& blocks = coding_.blocks();
    if (blocks.within_buckets()) return;
    scales_.resize(static_cast<std::size_t>(blocks.total()) * coding_.scales());
    symbols_.resize(gradient.size());
    for (std::int64_t b = 0; b < blocks.total(); ++b) encode_block(gradient, b, blocks.begin(b), blocks.end(b), blocks.begin(b));
  }

  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    resize_payload(message, coding_.bytes(bucket));
    const Blocks& blocks = coding_.blocks();
    std::int64_t nonfinite = 0;
    std::size_t first_scale = 0, first_symbol = 0;
    if (blocks.within_buckets()) {
      scales_.resize(static_cast<std::size_t>(blocks.count(bucket)) * coding_.scales());
      symbols_.resize(values.size());
      blocks.for_each_part(bucket, 0, bucket.size(), [&](std::int64_t block, std::int64_t from, std::int64_t to) {
        nonfinite += encode_block(values, block, from, to, bucket.begin + from);
      });
    } else {
      first_scale = static_cast<std::size_t>(blocks.first(bucket)) * coding_.scales();
      first_symbol = static_cast<std::size_t>(bucket.begin);
      blocks.for_each_part(bucket, 0, bucket.size(), [&](std::int64_t block, std::int64_t from, std::int64_t to) {
        if (!std::isnan(scales_[first_scale + static_cast<std::size_t>(block) * coding_.scales()])) return;
        // Those that are not finite are counted where they lie; a block of finite ones was beyond the wire.
        const std::int64_t here = count_nonfinite(values.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
        nonfinite += here > 0 ? here : to - from;
      });
    }
    std::memcpy(message.payload.data(), scales_.data() + first_scale, static_cast<std::size_t>(coding_.prefix(bucket)));
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const auto n = static_cast<std::size_t>(std::min(run, bucket.size() - begin));
      const auto [at, bytes] = coding_.place(bucket, begin, n);
      kernels::pack_symbols(std::span<const std::uint32_t>(symbols_).subspan(first_symbol + static_cast<std::size_t>(begin), n), coding_.bits(),
                            {message.payload.data() + at, bytes});
    }
    message.header.nonfinite = saturate(nonfinite);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    require_payload(view(message), coding_.bytes(bucket));
    coding_.decode(bucket, view(message), 0, out.size(), {.sum = out.data(), .first = true});
  }

 private:
  /// \param block  its number, and [from, to) its coordinates, in `values`  \param begin  its first in the whole vector
  std::int64_t encode_block(std::span<const float> values, std::int64_t block, std::int64_t from, std::int64_t to, std::int64_t begin) {
    const auto at = static_cast<std::size_t>(from), n = static_cast<std::size_t>(to - from);
    return coding_.encode(values.subspan(at, n), stream_, begin,
                          std::span(scales_).subspan(static_cast<std::size_t>(block) * coding_.scales(), coding_.scales()),
                          std::span(symbols_).subspan(at, n));
  }

  Coding coding_;
  StreamId id_;
  Stream stream_;
  std::vector<float> scales_;
  std::vector<std::uint32_t> symbols_;
};

class CoordinatewiseAggregator final : public GatheredMean {
  static_assert(piece % kernels::symbol_group == 0, "a piece's symbols lie where its coordinates say");

 public:
  CoordinatewiseAggregator(const Coding& coding, std::uint32_t agents) : GatheredMean(agents), coding_(coding) {}

 protected:
  void open(const Bucket& bucket, std::span<const MessageView> uplinks) override {
    for (const auto& uplink : uplinks) require_payload(uplink, coding_.bytes(bucket));
    uplinks_.assign(uplinks.begin(), uplinks.end());
  }
  void verify(const Bucket& bucket, std::size_t i) override {
    std::array<std::uint32_t, run> symbols;
    for (std::int64_t begin = 0; begin < bucket.size(); begin += run) {
      const auto n = static_cast<std::size_t>(std::min(run, bucket.size() - begin));
      coding_.read_symbols(bucket, uplinks_[i], begin, std::span(symbols).first(n));
    }
  }
  void add(const Bucket& bucket, std::size_t i, std::int64_t begin, std::size_t n, const kernels::Accumulation& to) override {
    coding_.decode(bucket, uplinks_[i], begin, n, to);
  }

 private:
  Coding coding_;
  std::vector<MessageView> uplinks_;
};

class Coordinatewise final : public Compressor {
 public:
  Coordinatewise(std::shared_ptr<const CoordinatewiseMethod> method, const CompressorSetup& setup) : coding_(std::move(method), setup), setup_(setup) {}
  std::string name() const override { return coding_.method().name(); }
  Traits traits() const override {
    Traits its = coding_.method().traits(coding_.blocks().size());
    its.whole_gradient = !coding_.blocks().within_buckets();
    return its;
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override { return GatheredMean::max_payload_bytes(bucket, coding_.bytes(bucket)); }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override { return std::make_unique<CoordinatewiseEncoder>(coding_, setup_, agent); }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<CoordinatewiseAggregator>(coding_, setup_.agents); }

 private:
  Coding coding_;
  CompressorSetup setup_;
};

}  // namespace

std::unique_ptr<Compressor> make_coordinatewise(std::unique_ptr<const CoordinatewiseMethod> method, const CompressorSetup& setup) {
  return std::make_unique<Coordinatewise>(std::move(method), setup);
}

}  // namespace tersegrad
