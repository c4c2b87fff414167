// Rand-k: exactly k of d coordinates without replacement, scaled by d/k. Only the values travel.
#include <algorithm>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/index_sets.hpp"
#include "tersegrad/compress/values.hpp"

namespace tersegrad {
namespace {

struct RandKSetup {
  CompressorSetup common;
  std::int64_t k = 0;
  ValueFormat wire = ValueFormat::fp32;
};

class RandKEncoder final : public Encoder {
 public:
  RandKEncoder(const RandKSetup& setup, std::uint32_t agent) : setup_(setup), agent_(agent) {}

  void begin_step(std::uint64_t step, std::span<const float>) override {
    draw_indices(setup_.common.layout, setup_.k, setup_.common.seed, agent_, step, indices_);
  }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const auto indices = indices_in(indices_, bucket);
    values_.resize(indices.size());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      values_[i] = values[static_cast<std::size_t>(indices[i] - bucket.begin)];
    }
    resize_payload(message, static_cast<std::int64_t>(indices.size()) * bytes_per_value(setup_.wire));
    pack_values(setup_.wire, values_, message.payload);
    message.header.k = indices.size();
    message.header.flags = 0;
    // A non-finite coordinate counts whether or not it was drawn: the policy is about the gradient.
    message.header.nonfinite = saturate(count_nonfinite(values));
  }

 private:
  RandKSetup setup_;
  std::uint32_t agent_;
  std::vector<std::uint32_t> indices_;
  std::vector<float> values_;
};

/// The aggregate holds the values of the union of the agents' sets in ascending order. Every rank can redraw the
/// sets, so the union's indices cost no bytes either, and it is never larger than the dense vector.
class RandKAggregator final : public Aggregator {
 public:
  explicit RandKAggregator(const RandKSetup& setup) : setup_(setup), indices_(setup.common.agents) {}

  void begin_step(std::uint64_t step) override {
    for (std::uint32_t a = 0; a < setup_.common.agents; ++a) {
      draw_indices(setup_.common.layout, setup_.k, setup_.common.seed, a, step, indices_[a]);
    }
  }

  void merge(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    const std::int64_t width = bytes_per_value(setup_.wire);
    mark_union(bucket);
    sum_.assign(static_cast<std::size_t>(bucket.size()), 0.0f);
    for (std::size_t a = 0; a < uplinks.size(); ++a) {  // in agent order
      const auto indices = indices_in(indices_[a], bucket);
      require_payload(uplinks[a], static_cast<std::int64_t>(indices.size()) * width);
      values_.resize(indices.size());
      unpack_values(setup_.wire, uplinks[a].payload, values_);
      for (std::size_t i = 0; i < indices.size(); ++i) sum_[static_cast<std::size_t>(indices[i] - bucket.begin)] += values_[i];
    }
    // C(g) = (d/k)·g on the kept coordinates, and the mean over N.
    const auto scale = static_cast<float>(static_cast<double>(setup_.common.layout.dim) /
                                          static_cast<double>(setup_.k) / static_cast<double>(uplinks.size()));
    values_.clear();
    for_each_in_union([&](std::size_t j) { values_.push_back(sum_[j] * scale); });
    resize_payload(aggregate, static_cast<std::int64_t>(values_.size()) * width);
    pack_values(setup_.wire, values_, aggregate.payload);
    aggregate.header.k = values_.size();
    aggregate.header.flags = 0;
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    mark_union(bucket);
    std::int64_t count = 0;
    for (const std::uint64_t word : union_) count += __builtin_popcountll(word);
    require_payload(aggregate, count * bytes_per_value(setup_.wire));
    values_.resize(static_cast<std::size_t>(count));
    unpack_values(setup_.wire, aggregate.payload, values_);
    std::fill(mean.begin(), mean.end(), 0.0f);
    std::size_t next = 0;
    for_each_in_union([&](std::size_t j) { mean[j] = values_[next++]; });
  }

 private:
  void mark_union(const Bucket& bucket) {
    union_.assign(static_cast<std::size_t>((bucket.size() + 63) / 64), 0);
    for (const auto& set : indices_) {
      for (const auto index : indices_in(set, bucket)) {
        const auto j = static_cast<std::uint64_t>(index - bucket.begin);
        union_[j / 64] |= 1ull << (j % 64);
      }
    }
  }

  template <class F>
  void for_each_in_union(F&& use) const {
    for (std::size_t w = 0; w < union_.size(); ++w) {
      for (std::uint64_t word = union_[w]; word != 0; word &= word - 1) {
        use(64 * w + static_cast<std::size_t>(__builtin_ctzll(word)));
      }
    }
  }

  RandKSetup setup_;
  std::vector<std::vector<std::uint32_t>> indices_;
  std::vector<std::uint64_t> union_;
  std::vector<float> sum_, values_;
};

class RandK final : public Compressor {
 public:
  explicit RandK(const RandKSetup& setup) : setup_(setup) {}
  std::string name() const override { return concat("randk:", setup_.k, wire_suffix(setup_.wire)); }
  Traits traits() const override {
    if (setup_.wire != ValueFormat::fp32) return {Traits::Kind::biased, 0};
    return {Traits::Kind::unbiased, static_cast<double>(setup_.common.layout.dim) / static_cast<double>(setup_.k) - 1};
  }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override {
    return static_cast<std::uint64_t>(bucket.size() * bytes_per_value(setup_.wire));
  }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return std::make_unique<RandKEncoder>(setup_, agent);
  }
  std::unique_ptr<Aggregator> aggregator() const override { return std::make_unique<RandKAggregator>(setup_); }

 private:
  RandKSetup setup_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "randk",
    "k random coordinates without replacement, scaled by d/k (unbiased, ω = d/k − 1); indices cost no bytes",
    {{"k", "", "coordinates kept: a count (1000) or a fraction of d (0.01)"}, wire_parameter()},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      const auto k = resolve_k(arguments.text("k"), setup.layout.dim, arguments.spec().text);
      return std::make_unique<RandK>(RandKSetup{setup, k, wire_format(arguments)});
    }};

}  // namespace
}  // namespace tersegrad
