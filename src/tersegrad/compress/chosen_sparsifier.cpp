#include "tersegrad/compress/chosen_sparsifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/index_sets.hpp"
#include "tersegrad/compress/kernels/bitmap.hpp"
#include "tersegrad/compress/kernels/index_packing.hpp"
#include "tersegrad/compress/kernels/norms.hpp"
#include "tersegrad/compress/kernels/rand_k.hpp"
#include "tersegrad/compress/kernels/top_k.hpp"

namespace tersegrad {
namespace {

/// Values of some of a bucket's coordinates, read from or written to messages.
class SparseVector {
 public:
  explicit SparseVector(ValueFormat wire) : wire_(wire), width_(bytes_per_value(wire)) {}

  std::vector<std::uint32_t> indices;  ///< ascending, within the bucket
  std::vector<float> values;           ///< one for each; of a dense message every coordinate's
  bool dense = false;

  void write(std::int64_t n, Message& message) {
    const auto k = static_cast<std::int64_t>(indices.size());
    const std::int64_t index_bytes = kernels::packed_index_bytes(n, k);
    message.header.k = static_cast<std::uint64_t>(k);
    if (k * width_ + index_bytes >= n * width_) {
      all_.assign(static_cast<std::size_t>(n), 0.0f);
      for (std::size_t i = 0; i < indices.size(); ++i) all_[indices[i]] = values[i];
      resize_payload(message, n * width_);
      pack_values(wire_, all_, message.payload);
      message.header.flags = flag_dense;
      return;
    }
    resize_payload(message, k * width_ + index_bytes);
    const std::span<std::byte> payload(message.payload);
    pack_values(wire_, values, payload.first(static_cast<std::size_t>(k * width_)));
    kernels::pack_indices(indices, n, payload.subspan(static_cast<std::size_t>(k * width_)));
    message.header.flags = 0;
  }

  void read(std::int64_t n, const MessageView& message) {
    dense = (message.header.flags & flag_dense) != 0;
    if (dense) {
      require_payload(message, n * width_);
      values.resize(static_cast<std::size_t>(n));
      unpack_values(wire_, message.payload, values);
      return;
    }
    TERSEGRAD_CHECK(message.header.k <= static_cast<std::uint64_t>(n), message.header.k, " values at step ",
                    message.header.step, ", bucket ", message.header.bucket, ", agent ", message.header.agent,
                    " (at most ", n, " are possible)");
    const auto k = static_cast<std::int64_t>(message.header.k);
    require_payload(message, k * width_ + kernels::packed_index_bytes(n, k));
    const auto at = static_cast<std::size_t>(k * width_);
    TERSEGRAD_CHECK(kernels::unpack_indices(message.payload.subspan(at), n, k, indices), "damaged indices at step ",
                    message.header.step, ", bucket ", message.header.bucket, ", agent ", message.header.agent);
    values.resize(static_cast<std::size_t>(k));
    unpack_values(wire_, message.payload.first(at), values);
  }

  void scatter(std::span<float> out) const {
    if (dense) {
      std::copy(values.begin(), values.end(), out.begin());
      return;
    }
    std::fill(out.begin(), out.end(), 0.0f);
    for (std::size_t i = 0; i < indices.size(); ++i) out[indices[i]] = values[i];
  }

 private:
  ValueFormat wire_;
  std::int64_t width_;
  std::vector<float> all_;
};

class ChosenEncoder final : public Encoder {
 public:
  explicit ChosenEncoder(const ChosenSetup& setup) : setup_(setup), sparse_(setup.wire) {}

  void begin_step(std::uint64_t, std::span<const float> gradient) override {
    const Layout& layout = setup_.common.layout;
    norms_.clear();
    indices_.clear();
    all_nonfinite_kept_ = true;
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      const auto replica =
          gradient.subspan(static_cast<std::size_t>(r * layout.dim), static_cast<std::size_t>(layout.dim));
      if (setup_.normalized) norms_.push_back(std::sqrt(kernels::sum_of_squares(replica)));
      if (layout.replicas == 1) {
        kernels::top_k(replica, setup_.k, indices_);
        all_nonfinite_kept_ = any_finite(replica, indices_);
        return;
      }
      kernels::top_k(replica, setup_.k, chosen_);
      all_nonfinite_kept_ &= any_finite(replica, chosen_);
      for (const auto index : chosen_) indices_.push_back(static_cast<std::uint32_t>(r * layout.dim) + index);
    }
  }

  void encode(const Bucket& bucket, std::span<const float> values, Message& message) override {
    const auto indices = indices_in(indices_, bucket);
    sparse_.indices.resize(indices.size());
    sparse_.values.resize(indices.size());
    const auto begin = static_cast<std::uint32_t>(bucket.begin);
    kernels::gather(values, indices, begin, sparse_.values);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      sparse_.indices[i] = indices[i] - begin;
      sparse_.values[i] = scaled(sparse_.values[i], indices[i]);
    }
    sparse_.write(bucket.size(), message);
    // The values' own, and the finite ones that the wire makes inf.
    const std::int64_t overflows =
        count_beyond(sparse_.values, largest_value(setup_.wire)) - count_nonfinite(sparse_.values);
    // A zero norm's values are sent as zeros, a non-finite norm's as NaN or zeros: the gradient's own are counted.
    std::int64_t nonfinite = 0;
    if (all_nonfinite_kept_) {
      for (const auto index : indices)
        nonfinite += !std::isfinite(values[static_cast<std::size_t>(index - bucket.begin)]);
    } else {
      nonfinite = count_nonfinite(values);
    }
    message.header.nonfinite = saturate(nonfinite + overflows);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    sparse_.read(bucket.size(), view(message));
    sparse_.scatter(out);
  }

  std::optional<SparseValues> decode_own_sparse(const Bucket& bucket, const Message& message) override {
    sparse_.read(bucket.size(), view(message));
    const auto indices = indices_in(indices_, bucket);
    if (sparse_.dense) {  // in place: an index is never below its place in the list
      for (std::size_t i = 0; i < indices.size(); ++i) {
        sparse_.values[i] = sparse_.values[static_cast<std::size_t>(indices[i] - bucket.begin)];
      }
    }
    return SparseValues{indices, std::span(sparse_.values).first(indices.size())};
  }

  /// Touches the kept coordinates only.
  bool encode_residual(const Bucket& bucket, std::span<float> values, float scale, Message& message) override {
    encode(bucket, values, message);
    sparse_.read(bucket.size(), view(message));
    const auto indices = indices_in(indices_, bucket);
    bool finite = message.header.nonfinite == 0;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const auto j = static_cast<std::size_t>(indices[i] - bucket.begin);
      values[j] -= scale * sparse_.values[sparse_.dense ? j : i];
      finite &= std::isfinite(values[j]);
    }
    return finite;
  }

 private:
  /// Then every value of the replica that is not finite is among those kept: they count as the largest.
  static bool any_finite(std::span<const float> replica, std::span<const std::uint32_t> kept) {
    return std::any_of(kept.begin(), kept.end(), [&](std::uint32_t j) { return std::isfinite(replica[j]); });
  }

  float scaled(float value, std::uint32_t coordinate) const {
    if (!setup_.normalized) return value;
    const double norm = norms_[coordinate / static_cast<std::uint64_t>(setup_.common.layout.dim)];
    return norm == 0 ? 0.0f : static_cast<float>(static_cast<double>(value) / norm);
  }

  ChosenSetup setup_;
  std::vector<std::uint32_t> indices_, chosen_;
  std::vector<double> norms_;
  bool all_nonfinite_kept_ = false;
  SparseVector sparse_;
};

class ChosenAggregator final : public Aggregator {
 public:
  explicit ChosenAggregator(ValueFormat wire) : sparse_(wire) {}
  void begin_step(std::uint64_t) override {}

  void merge(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    sum_.assign(static_cast<std::size_t>(bucket.size()), 0.0f);
    union_.assign((sum_.size() + 63) / 64, 0);
    for (const auto& uplink : uplinks) {  // in agent order
      sparse_.read(bucket.size(), uplink);
      if (sparse_.dense) {
        for (std::size_t j = 0; j < sum_.size(); ++j) {
          sum_[j] += sparse_.values[j];
          union_[j / 64] |= std::uint64_t{sparse_.values[j] != 0} << (j % 64);
        }
        continue;
      }
      kernels::scatter_add(sparse_.values, sparse_.indices, 0, 1.0f, sum_);
      for (const std::size_t j : sparse_.indices) union_[j / 64] |= 1ull << (j % 64);
    }
    std::size_t count = 0;
    for (const auto word : union_) count += static_cast<std::size_t>(__builtin_popcountll(word));
    sparse_.indices.resize(count + 2);  // list_bits may write two more
    kernels::list_bits(union_, 0, sparse_.indices.data());
    sparse_.indices.resize(count);
    sparse_.values.resize(count);
    const auto agents = static_cast<float>(uplinks.size());
    for (std::size_t i = 0; i < count; ++i) sparse_.values[i] = sum_[sparse_.indices[i]] / agents;
    sparse_.write(bucket.size(), aggregate);
  }

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    sparse_.read(bucket.size(), aggregate);
    sparse_.scatter(mean);
  }

  std::optional<SparseValues> decode_sparse(const Bucket& bucket, const MessageView& aggregate) override {
    if ((aggregate.header.flags & flag_dense) != 0) return {};
    sparse_.read(bucket.size(), aggregate);
    for (auto& index : sparse_.indices) index += static_cast<std::uint32_t>(bucket.begin);
    return SparseValues{sparse_.indices, sparse_.values};
  }

 private:
  SparseVector sparse_;
  std::vector<float> sum_;
  std::vector<std::uint64_t> union_;
};

}  // namespace

std::unique_ptr<Encoder> ChosenSparsifier::encoder(std::uint32_t) const {
  return std::make_unique<ChosenEncoder>(setup_);
}

std::unique_ptr<Aggregator> ChosenSparsifier::aggregator() const {
  return std::make_unique<ChosenAggregator>(setup_.wire);
}

}  // namespace tersegrad
