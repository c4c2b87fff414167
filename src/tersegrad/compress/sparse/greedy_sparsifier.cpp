#include "tersegrad/compress/sparse/greedy_sparsifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/capabilities/sparse.hpp"
#include "tersegrad/compress/detail.hpp"
#include "tersegrad/compress/kernels/sparse/bitmap.hpp"
#include "tersegrad/compress/kernels/sparse/index_packing.hpp"
#include "tersegrad/compress/kernels/sparse/rand_k.hpp"
#include "tersegrad/compress/kernels/sparse/top_k.hpp"
#include "tersegrad/compress/sparse/index_sets.hpp"
#include "tersegrad/core/kernels/norms.hpp"

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

class GreedyEncoder final : public Encoder, public AxpbyEncoder, public SparseEncoder {
 public:
  explicit GreedyEncoder(const GreedySetup& setup) : AxpbyEncoder(static_cast<Encoder&>(*this)), setup_(setup), sparse_(setup.wire) {}

  void begin_step(std::uint64_t, std::span<const float> gradient) override {
    begin();
    for_each_replica([&](std::size_t first, std::size_t size) {
      const auto replica = gradient.subspan(first, size);
      kernels::top_k(replica, setup_.k, chosen_);
      chosen_values_.resize(chosen_.size());
      kernels::gather(replica, chosen_, 0, chosen_values_);
      double norm = 1;
      if (setup_.normalized) norm = std::sqrt(kernels::sum_of_squares(replica));
      keep(first, size, norm, [&](std::size_t j) { return replica[j]; });
    });
  }

  AxpbyEncoder* axpby() override { return this; }
  void begin_step_axpby(std::uint64_t step, const kernels::Axpby& whole, std::span<float> p, bool wanted) override {
    if (setup_.normalized) return AxpbyEncoder::begin_step_axpby(step, whole, p, wanted);
    begin();
    for_each_replica([&](std::size_t first, std::size_t size) {
      const auto replica = whole.part(first, size);
      const auto made = wanted ? p.subspan(first, size) : std::span<float>();
      kernels::top_k(replica, made, setup_.k, chosen_, chosen_values_);
      keep(first, size, 1, [&](std::size_t j) { return wanted ? made[j] : replica.at(j); });
    });
  }

  /// Of what begin_step() chose: the bucket's values are not looked at again.
  void pack(const Bucket& bucket, std::span<const float>, Message& message) override {
    const auto indices = indices_in(indices_, bucket);
    const auto values = std::span(values_).subspan(static_cast<std::size_t>(indices.data() - indices_.data()));
    sparse_.values.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(indices.size()));
    sparse_.indices.assign(indices.begin(), indices.end());
    for (auto& index : sparse_.indices) index -= static_cast<std::uint32_t>(bucket.begin);
    sparse_.write(bucket.size(), message);
    // The gradient's own, and the finite ones that the wire makes inf.
    const std::int64_t overflows =
        count_beyond(sparse_.values, largest_value(setup_.wire)) - count_nonfinite(sparse_.values);
    message.header.nonfinite =
        saturate(static_cast<std::int64_t>(indices_in(nonfinite_, bucket).size()) + overflows);
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    sparse_.read(bucket.size(), view(message));
    sparse_.scatter(out);
  }

  SparseEncoder* sparse() override { return this; }
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
  bool subtract_own(const Bucket& bucket, std::span<float> values, float scale, const Message& message) override {
    if (setup_.wire != ValueFormat::fp32 || (message.header.flags & flag_dense) != 0) {
      sparse_.read(bucket.size(), view(message));
    } else {
      sparse_.dense = false;  // what encode() wrote last lies there still
    }
    const auto indices = indices_in(indices_, bucket);
    bool finite = true;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const auto j = static_cast<std::size_t>(indices[i] - bucket.begin);
      values[j] -= scale * sparse_.values[sparse_.dense ? j : i];
      finite &= std::isfinite(values[j]);
    }
    return finite;
  }

 private:
  void begin() {
    indices_.clear();
    values_.clear();
    nonfinite_.clear();
  }

  template <class F>
  void for_each_replica(F&& use) {
    const Layout& layout = setup_.common.layout;
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      use(static_cast<std::size_t>(r * layout.dim), static_cast<std::size_t>(layout.dim));
    }
  }

  /// Appends what was chosen of a replica. \param at  its coordinate j, asked for only where not all is finite
  template <class At>
  void keep(std::size_t first, std::size_t size, double norm, At&& at) {
    const auto shift = static_cast<std::uint32_t>(first);
    bool any_finite = false;
    const std::size_t before = nonfinite_.size();
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      const float value = chosen_values_[i];
      indices_.push_back(shift + chosen_[i]);
      // A zero norm's values are sent as zeros, a non-finite norm's as NaN or zeros; what is counted are the gradient's.
      values_.push_back(!setup_.normalized ? value : norm == 0 ? 0.0f : static_cast<float>(double{value} / norm));
      if (std::isfinite(value)) {
        any_finite = true;
      } else {
        nonfinite_.push_back(shift + chosen_[i]);
      }
    }
    if (any_finite || nonfinite_.size() == before) return;
    // They count as the largest, so where all that was chosen is not finite, there may be more.
    nonfinite_.resize(before);
    for (std::size_t j = 0; j < size; ++j) {
      if (!std::isfinite(at(j))) nonfinite_.push_back(shift + static_cast<std::uint32_t>(j));
    }
  }

  GreedySetup setup_;
  std::vector<std::uint32_t> indices_, chosen_;  ///< of the whole vector; of a replica
  std::vector<float> values_, chosen_values_;    ///< what is sent of indices_; of chosen_, as they are
  std::vector<std::uint32_t> nonfinite_;         ///< coordinates that are not finite
  SparseVector sparse_;
};

class GreedyAggregator final : public Aggregator, public SparseView {
 public:
  explicit GreedyAggregator(ValueFormat wire) : sparse_(wire) {}
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
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

  SparseView* sparse_view() override { return this; }
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

std::unique_ptr<Encoder> GreedySparsifier::encoder(std::uint32_t) const {
  return std::make_unique<GreedyEncoder>(setup_);
}

std::unique_ptr<Aggregator> GreedySparsifier::aggregator() const {
  return std::make_unique<GreedyAggregator>(setup_.wire);
}

}  // namespace tersegrad
