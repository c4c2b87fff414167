// PowerSGD: updates of low rank, by one step of subspace iteration (Vogels, Karimireddy, Jaggi 2019, arXiv:1905.13727).
//
// A tensor of two or more dimensions is a matrix, its first dimension by the others. With agent i's M_i = gradient + e_i
// (Algorithm 2, line 7) and the last step's Q [columns × rank], each matrix takes Algorithm 1:
//
//     P ← (1/N) Σ M_i Q̂        lines 3 and 4; Q̂ is Q with its columns made orthonormal
//     P̂ ← P made orthonormal   line 5
//     Q ← (1/N) Σ M_iᵀ P̂       lines 6 and 7; the next step begins with it (warm start)
//     mean = P̂ Qᵀ              line 11
//     e_i ← M_i − P̂ Qᵀ         Algorithm 2, line 9, with the agents' common Q, as the authors' code and torch's powerSGD_hook
//
// Tensors that would not get smaller, (rows + columns)·rank ≥ rows·columns, and vectors travel as they are in P's message; they
// have no error. Of several replicas each has matrices of its own; without known tensors all is one vector.
//
// Q̂ for Q, as torch's hook has it: the columns of M Q and M Q̂ differ by a triangular factor, which line 5 removes. But P then
// has the size of M, not of its square, which float32 may not hold. orthonormalize() adds no epsilon (the authors: 1e-8, which
// shrinks the update of a small gradient): a column of zeros stays so in P̂. In Q it is drawn anew, normal, from the step's stream,
// alike on all ranks; so do all columns begin. A gradient of zeros does not end the warm start.
//
// Theory: for one agent and fixed Q, C is a projection, ‖C(M) − M‖ ≤ ‖M‖, but there is no δ > 0 for every M: P̂ follows the past.
// The agents' errors have the mean of M_i − P̂ P̂ᵀ M_i, so the updates are those of that form too; a single e_i also adds up how
// far agent i's gradients are from the mean, and grows with the steps where the agents' data differ.
//
// Memory of every agent: e_i, one float a coordinate of a matrix (one more where a step may be undone), and Q, the same for all;
// both zero at first. Where a new value of theirs is not finite the old one stays, while the mean of that step shows the NaN.
// Should an agent begin with another Q, P̂ is still a basis of what its step sends, and the Q after it is common again.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/compress/capabilities/rounds.hpp"
#include "tersegrad/compress/kernels/dense/axpby.hpp"
#include "tersegrad/compress/kernels/low_rank/gram_schmidt.hpp"
#include "tersegrad/compress/kernels/low_rank/products.hpp"
#include "tersegrad/compress/memory.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

/// What a step consists of. In the last round nothing is sent: the agents learn Q.
enum Round : int { round_p, round_q, round_error, rounds };

/// A matrix among the gradient's coordinates, and where its parts lie in vectors that hold all matrices' one after the other.
struct Factored {
  std::int64_t begin;  ///< in the gradient
  std::int64_t rows, columns;
  std::int64_t error, p, q;  ///< offsets of e, P [rows × rank] and Q [columns × rank]
  Bucket whole() const { return {0, error, error + rows * columns}; }  ///< e
};

/// How a gradient is taken apart.
struct Parts {
  std::int64_t rank = 0;
  std::vector<Factored> matrices;
  std::vector<Bucket> plain;  ///< runs of coordinates that travel as they are
  std::int64_t error_size = 0, p_size = 0, q_size = 0, plain_size = 0;
  std::int64_t largest_rank = 0;  ///< that makes some tensor smaller

  Parts(const ParameterLayout& layout, std::int64_t of_rank) : rank(of_rank) {
    auto tensors = layout.tensors;
    if (tensors.empty()) tensors.push_back({"", {layout.dim}, 0});
    for (std::int64_t replica = 0; replica < layout.replicas; ++replica) {
      for (const auto& tensor : tensors) add(tensor, replica * layout.dim + tensor.begin);
    }
    TERSEGRAD_CHECK(!matrices.empty() || largest_rank == 0, "rank ", rank, " of compressor 'powersgd' leaves every tensor as it is ",
                    "(of rank ", largest_rank, " at most the factors of one are smaller than it)");
  }

  template <class T>
  kernels::Matrix<T> matrix(const Factored& m, std::span<T> whole, std::int64_t begin) const {
    return {part(whole, begin, m.rows * m.columns), static_cast<std::size_t>(m.rows), static_cast<std::size_t>(m.columns)};
  }
  template <class T>
  std::span<T> p(const Factored& m, std::span<T> all) const { return part(all, m.p, m.rows * rank); }
  template <class T>
  std::span<T> q(const Factored& m, std::span<T> all) const { return part(all, m.q, m.columns * rank); }
  std::size_t columns() const { return static_cast<std::size_t>(rank); }

  template <class T>
  static std::span<T> part(std::span<T> whole, std::int64_t begin, std::int64_t size) {
    return whole.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
  }

 private:
  void add(const ParameterTensor& tensor, std::int64_t begin) {
    const std::int64_t size = tensor.size(), rows = tensor.shape.size() < 2 ? 1 : tensor.shape[0], columns = size / rows;
    largest_rank = std::max(largest_rank, (size - 1) / (rows + columns));
    if ((rows + columns) * rank < size) {
      matrices.push_back({begin, rows, columns, error_size, p_size, q_size});
      error_size += size;
      p_size += rows * rank;
      q_size += columns * rank;
    } else {
      if (plain.empty() || plain.back().end != begin) plain.push_back({0, begin, begin});
      plain.back().end += size;
      plain_size += size;
    }
  }
};

class PowerEncoder final : public Encoder, public EncoderMemory, public RoundsEncoder {
 public:
  PowerEncoder(std::shared_ptr<const Parts> parts, std::unique_ptr<Encoder> none, std::uint64_t seed, bool undo)
      : parts_(std::move(parts)), none_(std::move(none)), seed_(seed), error_(parts_->error_size, undo), q_(parts_->q_size, undo) {}

  void begin_step(std::uint64_t step, std::span<const float> gradient) override {
    step_ = step;
    error_.commit();
    q_.commit();
    for (const auto& m : parts_->matrices) {
      const Bucket all = m.whole();
      kernels::axpby({Parts::part(gradient, m.begin, all.size()), error_.kept(all)}, error_.next(all));
    }
    vector_.clear();
    for (const Bucket& run : parts_->plain) {
      const auto values = part_of(gradient, run);
      vector_.insert(vector_.end(), values.begin(), values.end());
    }
  }

  void begin_round(int round, std::span<const float> result) override {
    switch (round) {
      case round_p: return multiply();
      case round_q: return multiply_transposed(result.subspan(static_cast<std::size_t>(parts_->plain_size)));
      default: return remember(result);
    }
  }

  void decode_own(const Bucket& bucket, const Message& message, std::span<float> out) override {
    none_->decode_own(bucket, message, out);
  }

  RoundsEncoder* rounds() override { return this; }
  EncoderMemory* memory() override { return parts_->matrices.empty() ? nullptr : this; }
  void discard_step() override {
    error_.discard();
    q_.discard();
  }
  std::vector<State> state() override {
    error_.commit();
    q_.commit();
    return {{"error", error_.kept()}, {"q", q_.kept()}};
  }

 protected:
  void pack(const Bucket& bucket, std::span<const float>, Message& message) override {
    none_->encode(bucket, part_of(std::span<const float>(vector_), bucket), message);
  }

 private:
  kernels::Matrix<float> matrix(const Factored& m) { return parts_->matrix(m, error_.next(), m.error); }

  void multiply() {
    orthonormal_.assign(q_.kept().begin(), q_.kept().end());
    const Stream stream({seed_, Purpose::factor, 0, step_});
    for (std::size_t begin = 0; const auto& m : parts_->matrices) {
      for (std::int64_t k = 0; k < parts_->rank; ++k, begin += static_cast<std::size_t>(m.columns)) {
        const auto column = std::span(orthonormal_).subspan(begin, static_cast<std::size_t>(m.columns));
        if (!std::all_of(column.begin(), column.end(), [](float v) { return v == 0; })) continue;
        for (std::size_t j = 0; j < column.size(); ++j) column[j] = normal(stream, begin + j);
      }
      kernels::orthonormalize(parts_->q(m, std::span(orthonormal_)), parts_->columns());
    }
    const auto plain = static_cast<std::size_t>(parts_->plain_size);
    vector_.resize(plain + static_cast<std::size_t>(parts_->p_size));
    for (const auto& m : parts_->matrices) {
      kernels::multiply(read_only(matrix(m)), parts_->q(m, std::span<const float>(orthonormal_)), parts_->columns(),
                        parts_->p(m, std::span(vector_).subspan(plain)));
    }
  }

  void multiply_transposed(std::span<const float> p) {
    orthonormal_.assign(p.begin(), p.end());
    vector_.resize(static_cast<std::size_t>(parts_->q_size));
    for (const auto& m : parts_->matrices) {
      kernels::multiply_transposed(read_only(matrix(m)), parts_->p(m, p), parts_->columns(), parts_->q(m, std::span(vector_)));
    }
  }

  void remember(std::span<const float> q) {
    for (const auto& m : parts_->matrices) {
      const bool finite = kernels::subtract_expanded(parts_->p(m, std::span<const float>(orthonormal_)), parts_->q(m, q),
                                                     parts_->columns(), matrix(m));
      if (!finite) error_.keep_finite(m.whole());
    }
    std::copy(q.begin(), q.end(), q_.next().begin());
    q_.keep_finite({0, 0, parts_->q_size});
    error_.wrote();
    q_.wrote();
  }

  static kernels::Matrix<const float> read_only(const kernels::Matrix<float>& m) { return {m.values, m.rows, m.columns}; }

  /// N(0, 1) from block j of a stream, by Box–Muller.
  static float normal(const Stream& stream, std::uint64_t j) {
    const auto words = stream.block(j);
    const auto uniform = [](std::uint32_t word) { return (word + 0.5) * 0x1p-32; };
    return static_cast<float>(std::sqrt(-2 * std::log(uniform(words[0]))) * std::cos(2 * std::numbers::pi * uniform(words[1])));
  }

  std::shared_ptr<const Parts> parts_;
  std::unique_ptr<Encoder> none_;
  std::uint64_t seed_, step_ = 0;
  Memory error_;               // e, and during the step M
  Memory q_;
  Buffer<float> orthonormal_;  // Q̂, then P̂
  Buffer<float> vector_;       // the round's: what travels as it is, and P; or Q
};

class PowerAggregator final : public Aggregator, public RoundsAggregator {
 public:
  PowerAggregator(std::shared_ptr<const Parts> parts, std::unique_ptr<Aggregator> none)
      : parts_(std::move(parts)),
        none_(std::move(none)),
        plain_and_p_(static_cast<std::size_t>(parts_->plain_size + parts_->p_size)),
        q_(static_cast<std::size_t>(parts_->q_size)) {}

  void decode(const Bucket& bucket, const MessageView& aggregate, std::span<float> mean) override {
    none_->decode(bucket, aggregate, mean);
  }

  RoundsAggregator* rounds() override { return this; }
  void absorb(const Bucket& bucket, const MessageView& aggregate) override {
    none_->decode(bucket, aggregate, part_of(std::span(bucket.round == round_p ? plain_and_p_ : q_), bucket));
  }
  std::span<const float> end_round(int round) override {
    if (round == round_error) return {};
    if (round == round_q) return q_;
    for (const auto& m : parts_->matrices) kernels::orthonormalize(parts_->p(m, p()), parts_->columns());
    return plain_and_p_;
  }
  void update(std::span<float> mean) override {
    const float* value = plain_and_p_.data();
    for (const Bucket& run : parts_->plain) {
      std::copy_n(value, run.size(), part_of(mean, run).begin());
      value += run.size();
    }
    for (const auto& m : parts_->matrices) {
      kernels::expand(parts_->p(m, p()), parts_->q(m, std::span(q_)), parts_->columns(), parts_->matrix(m, mean, m.begin));
    }
  }

 protected:
  void combine(const Bucket& bucket, std::span<const MessageView> uplinks, Message& aggregate) override {
    none_->aggregate(bucket, uplinks, aggregate);
  }

 private:
  std::span<float> p() { return std::span(plain_and_p_).subspan(static_cast<std::size_t>(parts_->plain_size)); }

  std::shared_ptr<const Parts> parts_;
  std::unique_ptr<Aggregator> none_;
  Buffer<float> plain_and_p_, q_;  // the means of the rounds' vectors; P then orthonormal
};

class PowerSgd final : public Compressor, public Rounds {
 public:
  PowerSgd(std::int64_t rank, const CompressorSetup& setup)
      : parts_(std::make_shared<Parts>(setup.layout, rank)),
        none_(CompressorRegistry::instance().make("none", setup)),
        seed_(setup.seed),
        undo_(setup.undo) {}
  std::string name() const override { return "powersgd:" + std::to_string(parts_->rank); }
  // Biased is one step; over steps nothing is lost.
  Traits traits() const override { return {.dense_fp32 = true, .whole_gradient = true}; }
  std::uint64_t max_payload_bytes(const Bucket& bucket) const override { return none_->max_payload_bytes(bucket); }
  std::unique_ptr<Encoder> encoder(std::uint32_t agent) const override {
    return std::make_unique<PowerEncoder>(parts_, none_->encoder(agent), seed_, undo_);
  }
  std::unique_ptr<Aggregator> aggregator() const override {
    return std::make_unique<PowerAggregator>(parts_, none_->aggregator());
  }

  const Rounds* rounds() const override { return this; }
  int count() const override { return tersegrad::rounds; }
  std::vector<RoundPart> parts(int round) const override {
    if (round == round_p) return {{"", parts_->plain_size + parts_->p_size}};
    if (round == round_q) return {{"", parts_->q_size}};
    return {};
  }

 private:
  std::shared_ptr<const Parts> parts_;
  std::unique_ptr<Compressor> none_;
  std::uint64_t seed_;
  bool undo_;
};

const Registration<Compressor, const CompressorSetup&> registration{
    "powersgd",
    "PowerSGD: matrices as products of two with few columns, in two rounds, with warm start and error feedback",
    {{"rank", "", "columns of the factors, ≥ 1; tensors that they would not make smaller travel as they are", "2"}},
    [](const Arguments& arguments, const CompressorSetup& setup) {
      return std::make_unique<PowerSgd>(arguments.integer("rank", 1, std::int64_t{1} << 31), setup);
    }};

}  // namespace
}  // namespace tersegrad
