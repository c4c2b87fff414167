#include "tersegrad/compress/sparse/shared_seed_sparsifier.hpp"

#include <algorithm>
#include <cmath>

#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/capabilities/sparse.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/sparse/bitmap.hpp"
#include "tersegrad/compress/kernels/sparse/rand_k.hpp"
#include "tersegrad/compress/sparse/index_sets.hpp"

namespace tersegrad {
namespace {

/// fp16 ends at 65504, and the scale d/k may be a million: there the aggregate is the unscaled mean, no larger than what
/// the agents sent, and decode() scales it.
bool scaled_on_the_wire(const SharedSeedSetup& setup) { return setup.wire != ValueFormat::fp16; }

/// The largest magnitude that comes back finite.
float largest_sent(const SharedSeedSetup& setup) {
  const double wire = largest_value(setup.wire);
  if (setup.scale == 1) return static_cast<float>(wire);
  const double scaled = scaled_on_the_wire(setup) ? wire : largest_value(ValueFormat::fp32);
  return static_cast<float>(std::min(wire, scaled / setup.scale * (1 - 0x1p-22)));  // 2^-22: for the roundings
}

class SharedSeedEncoder final : public Encoder, public AxpbyEncoder, public SparseEncoder {
 public:
  SharedSeedEncoder(std::shared_ptr<SharedSeedSets> sets, std::uint32_t agent)
      : AxpbyEncoder(static_cast<Encoder&>(*this)), sets_(std::move(sets)), setup_(sets_->setup()), agent_(agent) {}

  void begin_step(std::uint64_t step, std::span<const float>) override { indices_ = sets_->of(agent_, step); }

  void pack(const Bucket& bucket, std::span<const float> values, Message& message) override {
    write(bucket, values, count_nonfinite(values), message);
  }

  AxpbyEncoder* axpby() override { return this; }
  void pack_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message) override {
    const std::int64_t nonfinite = kernels::axpby(part, p);
    write(bucket, p, nonfinite, message);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    const auto indices = drawn(bucket);
    values_.resize(indices.size());
    unpack_values(setup_.wire, message.payload, values_);
    const auto scale = static_cast<float>(setup_.scale);
    std::fill(out.begin(), out.end(), 0.0f);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      out[static_cast<std::size_t>(indices[i] - bucket.begin)] = values_[i] * scale;
    }
  }

  SparseEncoder* sparse() override { return this; }
  std::optional<SparseValues> decode_own_sparse(const Bucket& bucket, const Message& message) override {
    const auto indices = drawn(bucket);
    values_.resize(indices.size());
    unpack_values(setup_.wire, message.payload, values_);
    const auto scale = static_cast<float>(setup_.scale);
    for (float& value : values_) value *= scale;
    return SparseValues{indices, values_};
  }

  /// Touches the drawn coordinates only.
  bool subtract_own(const Bucket& bucket, std::span<float> values, float scale, const Message& message) override {
    const auto indices = drawn(bucket);
    values_.resize(indices.size());
    unpack_values(setup_.wire, message.payload, values_);
    const auto own_scale = static_cast<float>(setup_.scale);
    bool finite = true;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      float& value = values[static_cast<std::size_t>(indices[i] - bucket.begin)];
      value -= scale * (values_[i] * own_scale);
      finite &= std::isfinite(value);
    }
    return finite;
  }

 private:
  /// \param nonfinite  of the values: the policy is about the gradient, drawn or not
  void write(const Bucket& bucket, std::span<const float> values, std::int64_t nonfinite, Message& message) {
    const auto indices = drawn(bucket);
    values_.resize(indices.size());
    kernels::gather(values, indices, static_cast<std::uint32_t>(bucket.begin), values_);
    resize_payload(message, static_cast<std::int64_t>(indices.size()) * bytes_per_value(setup_.wire));
    pack_values(setup_.wire, values_, message.payload);
    message.header.k = indices.size();
    // And finite values that would come back as inf.
    const std::int64_t overflows = count_beyond(values_, largest_sent(setup_)) - count_nonfinite(values_);
    message.header.nonfinite = saturate(nonfinite + overflows);
  }

  std::span<const std::uint32_t> drawn(const Bucket& bucket) const {
    return indices_in(*indices_, bucket);
  }

  std::shared_ptr<SharedSeedSets> sets_;
  const SharedSeedSetup& setup_;
  std::uint32_t agent_;
  SharedSeedSets::Indices indices_ = std::make_shared<std::vector<std::uint32_t>>();  // of no step yet
  std::vector<float> values_;
};

class SharedSeedAggregator final : public Aggregator, public SparseView {
 public:
  explicit SharedSeedAggregator(std::shared_ptr<SharedSeedSets> sets)
      : sets_(std::move(sets)), setup_(sets_->setup()),
        indices_(setup_.agents, std::make_shared<std::vector<std::uint32_t>>()) {}

  void begin_step(std::uint64_t step) override {
    for (std::uint32_t a = 0; a < setup_.agents; ++a) indices_[a] = sets_->of(a, step);
  }

  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    const std::int64_t width = bytes_per_value(setup_.wire);
    list_union(bucket);
    sum_.assign(static_cast<std::size_t>(bucket.size()), 0.0f);
    for (std::size_t a = 0; a < uplinks.size(); ++a) {  // in agent order
      const auto indices = drawn(static_cast<std::uint32_t>(a), bucket);
      require_payload(uplinks[a], static_cast<std::int64_t>(indices.size()) * width);
      values_.resize(indices.size());
      unpack_values(setup_.wire, uplinks[a].payload, values_);
      kernels::scatter_add(values_, indices, static_cast<std::uint32_t>(bucket.begin), 1.0f, sum_);
    }
    const auto scale = static_cast<float>((scaled_on_the_wire(setup_) ? setup_.scale : 1.0) /
                                          static_cast<double>(uplinks.size()));
    values_.resize(listed_.size());
    kernels::gather(sum_, listed_, 0, values_);
    for (float& value : values_) value *= scale;
    resize_payload(aggregate, static_cast<std::int64_t>(values_.size()) * width);
    pack_values(setup_.wire, values_, aggregate.payload);
    aggregate.header.k = values_.size();
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    read(bucket, aggregate);
    std::fill(mean.begin(), mean.end(), 0.0f);
    for (std::size_t i = 0; i < listed_.size(); ++i) mean[listed_[i]] = values_[i];
  }

  SparseView* sparse_view() override { return this; }
  std::optional<SparseValues> decode_sparse(const Bucket& bucket, const MessageView& aggregate) override {
    read(bucket, aggregate);
    for (auto& index : listed_) index += static_cast<std::uint32_t>(bucket.begin);
    return SparseValues{listed_, values_};
  }

 private:
  /// The values of the union, scaled.
  void read(const Bucket& bucket, const MessageView& aggregate) {
    list_union(bucket);
    require_payload(aggregate, static_cast<std::int64_t>(listed_.size()) * bytes_per_value(setup_.wire));
    values_.resize(listed_.size());
    unpack_values(setup_.wire, aggregate.payload, values_);
    if (scaled_on_the_wire(setup_)) return;
    const auto scale = static_cast<float>(setup_.scale);
    for (float& value : values_) value *= scale;
  }

  /// listed_ ← the union of the agents' sets, ascending, within the bucket.
  void list_union(const Bucket& bucket) {
    union_.assign(static_cast<std::size_t>((bucket.size() + 63) / 64), 0);
    std::size_t most = 2;  // list_bits may write two more
    for (std::uint32_t a = 0; a < setup_.agents; ++a) {
      const auto indices = drawn(a, bucket);
      most += indices.size();
      for (const auto index : indices) {
        const auto j = static_cast<std::uint64_t>(index - bucket.begin);
        union_[j / 64] |= 1ull << (j % 64);
      }
    }
    listed_.resize(most);
    listed_.resize(static_cast<std::size_t>(kernels::list_bits(union_, 0, listed_.data()) - listed_.data()));
  }

  std::span<const std::uint32_t> drawn(std::uint32_t agent, const Bucket& bucket) const {
    return indices_in(*indices_[agent], bucket);
  }

  std::shared_ptr<SharedSeedSets> sets_;
  const SharedSeedSetup& setup_;
  std::vector<SharedSeedSets::Indices> indices_;
  std::vector<std::uint64_t> union_;
  std::vector<std::uint32_t> listed_;
  std::vector<float> sum_, values_;
};

}  // namespace

SharedSeedSets::Indices SharedSeedSets::of(std::uint32_t agent, std::uint64_t step) {
  Set& set = sets_.at(agent);
  const std::lock_guard lock(set.mutex);
  if (set.step != step) {
    // Always a new one: somebody may still look at the old one.
    auto indices = std::make_shared<std::vector<std::uint32_t>>();
    if (set.indices) indices->reserve(set.indices->size() + set.indices->size() / 8);
    setup_.draw(agent, step, *indices);
    set.indices = std::move(indices);
    set.step = step;
  }
  return set.indices;
}

std::unique_ptr<Encoder> shared_seed_encoder(std::shared_ptr<SharedSeedSets> sets, std::uint32_t agent) {
  return std::make_unique<SharedSeedEncoder>(std::move(sets), agent);
}

std::unique_ptr<Aggregator> shared_seed_aggregator(std::shared_ptr<SharedSeedSets> sets) {
  return std::make_unique<SharedSeedAggregator>(std::move(sets));
}

}  // namespace tersegrad
