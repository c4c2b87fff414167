// DoubleSqueeze: error feedback at the agents and once more at the root (Tang et al. 2019, Algorithm 1).
//
//     agent i:  p_i = g_i + e_i,   sends C(p_i),   e_i ← p_i − C(p_i)
//     root:     v = (1/N) Σ C(p_i) + E,   sends C(v),   E ← v − C(v),   what comes back is C(v)
//
// in gradient units. Both ends are the wrapper `ef` (methods/error_feedback.cpp) around the same C, with its factor a for an
// unbiased one. The root is wherever a bucket is aggregated, and sees one bucket at a time: its C works on blocks of at most
// 65536 coordinates, each as if it were a whole gradient, and buckets are cut at multiples of that, so that no bit depends on
// them or on the number of ranks. A blockwise Top-k keeps the same share of coordinates and has the same δ = k/d (at least one
// of a block). A layout with replicas is one block, and one bucket.
//
// Down: for every block 24 bytes (payload bytes, k, flags), then its payload.
// Memory: e_i of each agent; E, one float a coordinate at the root.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/memory.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t block_size = 65536;

/// A block's line in the table of an aggregate.
struct Part {
  std::uint64_t payload_bytes = 0;
  std::uint64_t k = 0;
  std::uint32_t flags = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Part) == 24);

/// The blocks of a layout, and the root's compressor of each: `ef:C` of one agent.
class RootBlocks {
 public:
  RootBlocks(const std::string& inner, const CompressorSetup& setup)
      : inner_(inner), setup_(setup), total_(setup.layout.total()),
        size_(setup.layout.replicas > 1 ? total_ : std::min(total_, block_size)), first_(make(0)), last_(make(count() - 1)) {}

  std::int64_t count() const { return (total_ + size_ - 1) / size_; }
  std::int64_t begin(std::int64_t block) const { return block * size_; }
  std::int64_t size(std::int64_t block) const { return std::min(size_, total_ - begin(block)); }
  /// Of a bucket, which begins and ends with blocks.
  std::int64_t first(const Bucket& bucket) const { return bucket.begin / size_; }
  std::int64_t last(const Bucket& bucket) const { return (bucket.end + size_ - 1) / size_; }
  /// For lengths: full blocks have one, the last one perhaps a shorter one.
  const Compressor& of(std::int64_t block) const { return size(block) == size_ ? *first_ : *last_; }
  /// A block's compressor, with draws of its own.
  std::unique_ptr<Compressor> make(std::int64_t block) const {
    const bool one = setup_.layout.replicas > 1;
    // Neither an agent's nor another block's: a seed's bits are mixed before they are used.
    const std::uint64_t seed = setup_.seed ^ (0x9e3779b97f4a7c15u * (static_cast<std::uint64_t>(block) + 1));
    return CompressorRegistry::instance().make(
        "ef:" + inner_, CompressorSetup{one ? Layout(setup_.layout) : Layout{size(block), 1}, seed, 1, setup_.undo, one ? 0 : total_});
  }
  std::int64_t unit() const { return (size_ + 127) / 128 * 128; }

 private:
  std::string inner_;
  CompressorSetup setup_;
  std::int64_t total_, size_;
  std::unique_ptr<Compressor> first_, last_;
};

class DoubleSqueezeAggregator final : public Aggregator, public RootMemory {
 public:
  DoubleSqueezeAggregator(const Compressor& agents_end, std::shared_ptr<const RootBlocks> blocks)
      : agents_end_(agents_end.aggregator()), blocks_(std::move(blocks)), ends_(static_cast<std::size_t>(blocks_->count())) {}

  void begin_step(std::uint64_t step) override {
    step_ = step;
    agents_end_->begin_step(step);
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    const auto count = static_cast<std::size_t>(blocks_->last(bucket) - blocks_->first(bucket));
    require_payload_at_least(aggregate, static_cast<std::int64_t>(count * sizeof(Part)));
    auto rest = aggregate.payload.subspan(count * sizeof(Part));
    for (std::size_t i = 0; i < count; ++i) {
      Part part;
      std::memcpy(&part, aggregate.payload.data() + i * sizeof part, sizeof part);
      TERSEGRAD_CHECK(part.payload_bytes <= rest.size() && part.flags <= 0xff, "block ", i, " of ", part.payload_bytes,
                      " bytes at step ", aggregate.header.step, ", bucket ", bucket.index, " (only ", rest.size(), " are left)");
      MessageView message{aggregate.header, rest.first(part.payload_bytes)};
      message.header.payload_bytes = part.payload_bytes;
      message.header.k = part.k;
      message.header.flags = static_cast<std::uint8_t>(part.flags);
      const std::int64_t block = blocks_->first(bucket) + static_cast<std::int64_t>(i);
      end(block).aggregator->begin_step(step_);
      end(block).aggregator->decode(local(block), message, out_of(bucket, block, mean));
      rest = rest.subspan(part.payload_bytes);
    }
    TERSEGRAD_CHECK(rest.empty(), rest.size(), " bytes too many at step ", aggregate.header.step, ", bucket ", bucket.index,
                    " (a damaged message)");
  }

  RootMemory* root_memory() override { return this; }
  std::string name() const override { return "error"; }
  std::vector<std::span<float>> state_of(const Bucket& bucket) override {
    std::vector<std::span<float>> pieces;
    for (std::int64_t block = blocks_->first(bucket); block < blocks_->last(bucket); ++block) {
      pieces.push_back(encoder(block).memory()->state().front().values);
    }
    return pieces;
  }
  void discard_step() override {
    for (auto& of_block : ends_) {
      if (of_block.encoder && of_block.step == step_) of_block.encoder->memory()->discard_step();
    }
  }

 protected:
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    agents_end_->aggregate(bucket, uplinks, mean_message_);
    mean_.resize(static_cast<std::size_t>(bucket.size()));
    agents_end_->decode(bucket, view(mean_message_), mean_);
    const std::int64_t first = blocks_->first(bucket), last = blocks_->last(bucket);
    const auto table = static_cast<std::size_t>(last - first) * sizeof(Part);
    resize_payload(aggregate, static_cast<std::int64_t>(table));
    Message own, alone;
    for (std::int64_t block = first; block < last; ++block) {
      const auto values = out_of(bucket, block, std::span<float>(mean_));
      Encoder& squeeze = encoder(block);
      end(block).step = step_;
      squeeze.begin_step(step_, values);
      squeeze.encode(local(block), values, own);
      end(block).aggregator->begin_step(step_);
      const MessageView uplink = view(own);
      end(block).aggregator->aggregate(local(block), std::span(&uplink, 1), alone);
      const Part part{alone.payload.size(), alone.header.k, alone.header.flags, 0};
      std::memcpy(aggregate.payload.data() + static_cast<std::size_t>(block - first) * sizeof part, &part, sizeof part);
      aggregate.payload.insert(aggregate.payload.end(), alone.payload.begin(), alone.payload.end());
    }
  }

 private:
  /// Both ends of a block's C, made when they are first needed: a rank needs the encoders of the blocks that it aggregates.
  struct End {
    std::unique_ptr<Compressor> compressor;
    std::unique_ptr<Encoder> encoder;
    std::unique_ptr<Aggregator> aggregator;
    std::uint64_t step = ~std::uint64_t{0};  ///< that the encoder has last seen
  };
  End& end(std::int64_t block) {
    End& end = ends_[static_cast<std::size_t>(block)];
    if (!end.compressor) {
      end.compressor = blocks_->make(block);
      end.aggregator = end.compressor->aggregator();
    }
    return end;
  }
  Encoder& encoder(std::int64_t block) {
    End& its = end(block);
    if (!its.encoder) its.encoder = its.compressor->encoder(0);
    return *its.encoder;
  }
  Bucket local(std::int64_t block) const { return {0, 0, blocks_->size(block)}; }
  std::span<float> out_of(const Bucket& bucket, std::int64_t block, std::span<float> values) const {
    return values.subspan(static_cast<std::size_t>(blocks_->begin(block) - bucket.begin),
                          static_cast<std::size_t>(blocks_->size(block)));
  }

  std::unique_ptr<Aggregator> agents_end_;
  std::shared_ptr<const RootBlocks> blocks_;
  std::vector<End> ends_;
  std::uint64_t step_ = 0;
  Message mean_message_;
  Buffer<float> mean_;
};

class DoubleSqueeze final : public Compressor {
 public:
  DoubleSqueeze(const std::string& inner, const CompressorSetup& setup)
      : agents_end_(CompressorRegistry::instance().make("ef:" + inner, setup)),
        blocks_(std::make_shared<RootBlocks>(inner, setup)) {}

  std::string name() const override { return "doublesqueeze:" + agents_end_->name().substr(3); }
  // What comes back is C of the agents' mean and of what was left out before; over steps nothing is lost.
  Traits traits() const override {
    const Traits inner = agents_end_->traits();
    return {.averaged = false, .whole_gradient = inner.whole_gradient, .bucket_unit = blocks_->unit()};
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    std::uint64_t down = 0;
    for (std::int64_t block = blocks_->first(bucket); block < blocks_->last(bucket); ++block) {
      down += sizeof(Part) + blocks_->of(block).max_payload_bytes({0, 0, blocks_->size(block)});
    }
    return std::max(down, agents_end_->max_payload_bytes(bucket));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override { return agents_end_->encoder(agent); }
  std::unique_ptr<Aggregator> aggregator() const override {
    return std::make_unique<DoubleSqueezeAggregator>(*agents_end_, blocks_);
  }

 private:
  std::unique_ptr<Compressor> agents_end_;
  std::shared_ptr<const RootBlocks> blocks_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "doublesqueeze",
    "error feedback at the agents and at the root: both directions are compressed (DoubleSqueeze)",
    {{"inner...", "", "how both ends compress: an unbiased or contractive compressor, e.g. topk:0.01", "topk:0.25"}},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      const std::string& inner = arguments.text("inner");
      make_for_feedback(inner, setup, "doublesqueeze");  // says in its own name what cannot be
      return std::make_unique<DoubleSqueeze>(inner, setup);
    }};

}  // namespace
}  // namespace tersegrad
