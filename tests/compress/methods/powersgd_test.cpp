// PowerSGD against the published algorithm in double, and what must hold to the last bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "compress/round_trip.hpp"
#include "tersegrad/compress/capabilities/memory.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using testing::normal_vector;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Tensors one after the other.
ParameterLayout layout_of(const std::vector<std::vector<std::int64_t>>& shapes) {
  std::vector<ParameterTensor> tensors;
  std::int64_t begin = 0;
  for (const auto& shape : shapes) {
    tensors.push_back({"tensor" + std::to_string(tensors.size()), shape, begin});
    begin += tensors.back().size();
  }
  return {{begin, 1}, tensors};
}

/// A vector, a matrix, a convolution, one column, one row, a side shorter than the larger ranks, a number.
ParameterLayout many_shapes() { return layout_of({{7}, {24, 40}, {12, 5, 3, 3}, {30, 1}, {1, 30}, {3, 50}, {}}); }

/// Shapes as Algorithm 1 sees them.
struct Shape {
  std::size_t begin, rows, columns;
  bool compressed;
};

std::vector<Shape> shapes_of(const ParameterLayout& layout, std::size_t rank) {
  std::vector<Shape> shapes;
  for (const auto& tensor : layout.tensors) {
    const auto size = static_cast<std::size_t>(tensor.size());
    const std::size_t rows = tensor.shape.size() < 2 ? size : static_cast<std::size_t>(tensor.shape[0]), columns = size / rows;
    shapes.push_back({static_cast<std::size_t>(tensor.begin), rows, columns,
                      tensor.shape.size() >= 2 && (rows + columns) * rank < rows * columns});
  }
  return shapes;
}

/// N agents, in one process.
class Job {
 public:
  Job(const ParameterLayout& layout, std::size_t rank, std::uint32_t agents)
      : compressor_(CompressorRegistry::instance().make("powersgd:" + std::to_string(rank), CompressorSetup{layout, 1, agents})),
        session_(*compressor_, agents) {}

  /// \returns the mean
  Floats step(const std::vector<Floats>& gradients, std::uint64_t number, std::int64_t bucket_size = 1 << 20) {
    const auto step = session_.step(gradients, number, bucket_size);
    EXPECT_TRUE(session_.within_bound);
    nonfinite = step.nonfinite;
    payload = step.uplink[0];
    return step.mean;
  }
  void discarded_step(const std::vector<Floats>& gradients, std::uint64_t number) {
    session_.step(gradients, number, 1 << 20, false);
    for (auto& encoder : session_.encoders) encoder->memory()->discard_step();
  }

  std::vector<State> states() {
    std::vector<State> all = state_of(*session_.aggregator);
    for (auto& encoder : session_.encoders) {
      for (const auto& state : state_of(*encoder)) all.push_back(state);
    }
    return all;
  }
  /// What all agents begin with from now on.
  void inject(const Floats& q) {
    for (const auto& state : states()) {
      if (state.name != "q") continue;
      ASSERT_EQ(state.values.size(), q.size());
      std::copy(q.begin(), q.end(), state.values.begin());
    }
  }

  bool nonfinite = false;  ///< what the last step's headers say
  std::size_t payload = 0;

 private:
  std::unique_ptr<Compressor> compressor_;
  testing::Session session_;
};

double norm(const Doubles& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

/// Makes P's columns orthonormal, P = P̂R. \returns R⁻¹, column after column
Doubles orthonormalize(Doubles& p, std::size_t rank) {
  const std::size_t n = p.size() / rank;
  Doubles inverse(rank * rank);
  for (std::size_t k = 0; k < rank; ++k) {
    double *column = p.data() + k * n, *of_inverse = inverse.data() + k * rank, squares = 0;
    of_inverse[k] = 1;
    for (std::size_t earlier = 0; earlier < k; ++earlier) {
      double along = 0;
      for (std::size_t i = 0; i < n; ++i) along += p[earlier * n + i] * column[i];
      for (std::size_t i = 0; i < n; ++i) column[i] -= along * p[earlier * n + i];
      for (std::size_t i = 0; i < rank; ++i) of_inverse[i] -= along * inverse[earlier * rank + i];
    }
    for (std::size_t i = 0; i < n; ++i) squares += column[i] * column[i];
    for (std::size_t i = 0; i < n; ++i) column[i] /= std::sqrt(squares);
    for (std::size_t i = 0; i < rank; ++i) of_inverse[i] /= std::sqrt(squares);
  }
  return inverse;
}

/// C [rows × columns of B] ← A·B or Aᵀ·B, A row-major [n × m], B's and C's columns one after the other.
Doubles product(const Doubles& a, std::size_t n, std::size_t m, bool transposed, const Doubles& b, std::size_t rank) {
  const std::size_t out = transposed ? m : n, in = transposed ? n : m;
  Doubles c(out * rank);
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < m; ++j) c[k * out + (transposed ? j : i)] += a[i * m + j] * b[k * in + (transposed ? i : j)];
    }
  }
  return c;
}

/// ‖R⁻¹Qᵀ‖₂, at most r^(1/16) too large: the trace of the 8th power of its square.
double largest_singular(const Doubles& inverse, const Doubles& q, std::size_t rank) {
  const Doubles x = product(q, rank, q.size() / rank, true, inverse, rank);  // [m × r], row k of q being column k of Q
  Doubles gram(rank * rank);
  for (std::size_t a = 0; a < rank; ++a) {
    for (std::size_t b = 0; b < rank; ++b) {
      for (std::size_t j = 0; j < x.size() / rank; ++j) gram[a * rank + b] += x[a * x.size() / rank + j] * x[b * x.size() / rank + j];
    }
  }
  for (int i = 0; i < 3; ++i) gram = product(gram, rank, rank, false, gram, rank);
  double trace = 0;
  for (std::size_t a = 0; a < rank; ++a) trace += gram[a * rank + a];
  return std::pow(trace, 1.0 / 16);
}

/// One matrix under Vogels et al. 2019, Algorithms 1 and 2, in double; and how far float32 may be from it.
///
/// Frobenius norms, first order in u = 2^-24; A = mean ‖M_i‖, M their mean, U = P̂Qᵀ, ρ = ‖M − U‖. Let D bound the error of M,
/// and s the sine of the angle between the spans of Q as they are and as they should be; Q̂ is a basis of the latter.
///  - P = MQ̂ = P̂R is off by E, of which only counts what leaves the span of P̂. Each sum has at most ⌈m/16⌉ + 5 roundings
///    (16 lanes) and N + 1 over the agents, and Q̂ is rounded: E = D + η, η = ρ·s + u·√r·(⌈m/16⌉ + N + 7)·A. The span turns
///    by t = E/σ(P), σ the smallest singular value (Wedin), here 1/‖R⁻¹‖.
///  - Q = MᵀP̂, in eights of rows: ζ = u·√r·(⌈n/8⌉ + N + 6)·A and in the next step s = (ρ·t + D + ζ)/σ(Q).
///  - U: an error δ of P moves P̂P̂ᵀM by δX, X = R⁻¹Qᵀ, and by at most t·ρ. Of M's own error Δ that makes P̂P̂ᵀΔ + (I − P̂P̂ᵀ)ΔQ̂X,
///    at most D·x, x = ‖X‖₂ ≥ 1. So T = x·(D + η) + t·ρ + ζ + u·√r·(r + 3)·‖U‖.
///  - M − U: (I − P̂P̂ᵀ)Δ(I − Q̂X) is at most D·x as well, as Q̂X is a projector, the rest as above; then e and M are rounded: in
///    the next step D = T + u·(A + next A).
/// Twice T is tested, for the second order.
class Reference {
 public:
  Reference(std::size_t rows, std::size_t columns, std::size_t rank, std::size_t agents, Doubles q)
      : n_(rows), m_(columns), r_(rank), q_(std::move(q)), e_(agents, Doubles(rows * columns)) {}

  Doubles step(std::vector<Doubles> gradients) {
    const auto agents = static_cast<double>(e_.size());
    Doubles mean(n_ * m_);
    double a = 0;
    for (std::size_t i = 0; i < e_.size(); ++i) {  // Algorithm 2, line 7
      for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += (gradients[i][j] += e_[i][j]) / agents;
      a += norm(gradients[i]) / agents;
    }
    Doubles p = product(mean, n_, m_, false, q_, r_);           // Algorithm 1, lines 3 and 4: all is linear
    orthonormalize(p, r_);                                      // line 5
    Doubles next = product(mean, n_, m_, true, p, r_);          // lines 6 and 7
    Doubles update(n_ * m_);                                    // line 11
    for (std::size_t k = 0; k < r_; ++k) {
      for (std::size_t j = 0; j < update.size(); ++j) update[j] += p[k * n_ + j / m_] * next[k * m_ + j % m_];
    }
    bound(mean, update, next, a);
    for (std::size_t i = 0; i < e_.size(); ++i) {               // Algorithm 2, line 9
      for (std::size_t j = 0; j < update.size(); ++j) e_[i][j] = gradients[i][j] - update[j];
    }
    q_ = next;
    return update;
  }

  double tolerance() const { return 2 * t_; }

 private:
  void bound(const Doubles& mean, const Doubles& update, const Doubles& next, double a) {
    const double u = 0x1p-24 * std::sqrt(double(r_)), agents = double(e_.size());
    if (t_ > 0) d_ = t_ + 0x1p-24 * (a_ + a);
    Doubles q = q_, left = mean, basis = next;
    orthonormalize(q, r_);
    Doubles p = product(mean, n_, m_, false, q, r_);
    const Doubles inverse = orthonormalize(p, r_);
    for (std::size_t j = 0; j < left.size(); ++j) left[j] -= update[j];
    const double rho = norm(left), zeta = u * (std::ceil(double(n_) / 8) + agents + 6) * a;
    const double eta = rho * s_ + u * (std::ceil(double(m_) / 16) + agents + 7) * a;
    const double turn = (d_ + eta) * norm(inverse);
    s_ = (rho * turn + d_ + zeta) * norm(orthonormalize(basis, r_));
    // P̂ and so Q as q makes them: those of q_ but for signs.
    t_ = largest_singular(inverse, product(mean, n_, m_, true, p, r_), r_) * (d_ + eta) + turn * rho + zeta +
         u * double(r_ + 3) * norm(update);
    a_ = a;
  }

  std::size_t n_, m_, r_;
  Doubles q_;
  std::vector<Doubles> e_;
  double d_ = 0, s_ = 0, t_ = 0, a_ = 0;
};

/// Gradients as networks have them: `rank` directions that stay, with sizes that vary, and noise of each agent.
std::vector<Floats> gradients_of(const ParameterLayout& layout, std::size_t rank, std::size_t agents, std::uint64_t step) {
  std::vector<Floats> all;
  for (std::size_t agent = 0; agent < agents; ++agent) {
    Floats g = normal_vector(static_cast<std::size_t>(layout.total()), 1000 * step + agent);
    for (auto& x : g) x *= 0.02f;
    for (const auto& shape : shapes_of(layout, rank)) {
      if (!shape.compressed) continue;
      for (std::size_t k = 0; k < rank; ++k) {
        const Floats a = normal_vector(shape.rows, 77 + k), b = normal_vector(shape.columns, 177 + k);
        const float size = 1 + normal_vector(1, 31 * step + 7 * k + agent)[0] / 4;
        for (std::size_t j = 0; j < shape.rows * shape.columns; ++j) {
          g[shape.begin + j] += size * a[j / shape.columns] * b[j % shape.columns];
        }
      }
    }
    all.push_back(std::move(g));
  }
  return all;
}

Doubles part_of_tensor(const Floats& whole, const Shape& shape) {
  const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(shape.begin);
  return {begin, begin + static_cast<std::ptrdiff_t>(shape.rows * shape.columns)};
}

/// Some normal Q of all matrices.
Floats first_q(const ParameterLayout& layout, std::size_t rank) {
  std::size_t size = 0;
  for (const auto& shape : shapes_of(layout, rank)) size += shape.compressed ? shape.columns * rank : 0;
  return normal_vector(size, 99);
}

/// They begin with `q` too.
std::vector<Reference> references_of(const ParameterLayout& layout, std::size_t rank, std::size_t agents, const Floats& q) {
  std::vector<Reference> references;
  auto at = q.begin();
  for (const auto& shape : shapes_of(layout, rank)) {
    if (!shape.compressed) continue;
    const auto end = at + static_cast<std::ptrdiff_t>(shape.columns * rank);
    references.emplace_back(shape.rows, shape.columns, rank, agents, Doubles(at, end));
    at = end;
  }
  return references;
}

TEST(PowerSgd, IsThePublishedAlgorithm) {
  const auto layout = many_shapes();
  double largest = 0, relative = 0;
  for (std::size_t rank = 1; rank <= 8; ++rank) {
    for (std::uint32_t agents = 1; agents <= 4; ++agents) {
      Job job(layout, rank, agents);
      job.inject(first_q(layout, rank));
      auto references = references_of(layout, rank, agents, first_q(layout, rank));
      for (std::uint64_t step = 0; step < 6; ++step) {
        SCOPED_TRACE(::testing::Message() << "rank " << rank << ", " << agents << " agents, step " << step);
        const auto gradients = gradients_of(layout, rank, agents, step);
        const Floats mean = job.step(gradients, step);
        std::size_t r = 0;
        for (const auto& shape : shapes_of(layout, rank)) {
          std::vector<Doubles> of_agents;
          for (const auto& g : gradients) of_agents.push_back(part_of_tensor(g, shape));
          Doubles off = part_of_tensor(mean, shape);
          if (!shape.compressed) {
            for (std::size_t j = 0; j < off.size(); ++j) {
              double sum = 0, magnitudes = 0;
              for (const auto& g : of_agents) sum += g[j], magnitudes += std::abs(g[j]);
              EXPECT_NEAR(off[j], sum / agents, 1.01 * 0x1p-24 * magnitudes);  // N − 1 additions and a division, N ≤ 4
            }
            continue;
          }
          const Doubles exact = references[r].step(of_agents);
          for (std::size_t j = 0; j < off.size(); ++j) off[j] -= exact[j];
          EXPECT_LE(norm(off), references[r].tolerance());
          EXPECT_LE(references[r].tolerance(), 0.01 * norm(exact)) << "a tolerance that tells";
          largest = std::max(largest, norm(off) / references[r].tolerance());
          relative = std::max(relative, norm(off) / norm(exact));
          ++r;
        }
      }
    }
  }
  std::printf("largest deviation: %.3g of the tolerance, %.3g of the update\n", largest, relative);
  RecordProperty("largest_share_of_tolerance", std::to_string(largest));
}

bool same(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

bool same_states(Job& a, Job& b) {
  const auto of_a = a.states(), of_b = b.states();
  bool all = of_a.size() == of_b.size();
  for (std::size_t i = 0; all && i < of_a.size(); ++i) all = of_a[i].name == of_b[i].name && same(of_a[i].values, of_b[i].values);
  return all;
}

TEST(PowerSgd, BucketsOfAnySizeGiveTheSameBits) {
  const auto layout = many_shapes();
  for (const std::int64_t size : {1, 7, 128, 300}) {
    Job whole(layout, 4, 3), cut(layout, 4, 3);
    for (std::uint64_t step = 0; step < 3; ++step) {
      const auto gradients = gradients_of(layout, 4, 3, step);
      EXPECT_TRUE(same(whole.step(gradients, step), cut.step(gradients, step, size))) << size << ", step " << step;
    }
    EXPECT_TRUE(same_states(whole, cut));
  }
}

TEST(PowerSgd, SendsTheFactorsAndTheRest) {
  const auto layout = many_shapes();
  for (const std::size_t rank : {1u, 4u, 8u}) {
    std::size_t floats = 0;
    for (const auto& s : shapes_of(layout, rank)) floats += s.compressed ? (s.rows + s.columns) * rank : s.rows * s.columns;
    Job job(layout, rank, 2);
    job.step(gradients_of(layout, rank, 2, 0), 0);
    EXPECT_EQ(job.payload, 4 * floats);
    EXPECT_LT(floats, static_cast<std::size_t>(layout.total()));
  }
}

/// No epsilon anywhere, and no square of M: a power of two goes through.
TEST(PowerSgd, SmallGradientsAreTreatedAsLargeOnes) {
  const auto layout = many_shapes();
  Job large(layout, 4, 2), small(layout, 4, 2);
  for (std::uint64_t step = 0; step < 4; ++step) {
    auto gradients = gradients_of(layout, 4, 2, step);
    Floats mean = large.step(gradients, step);
    for (auto& g : gradients) {
      for (auto& x : g) x *= 0x1p-80f;
    }
    for (auto& x : mean) x *= 0x1p-80f;
    EXPECT_TRUE(same(small.step(gradients, step), mean)) << "step " << step;
  }
}

TEST(PowerSgd, WhatASubnormalUpdateLacksStaysInTheError) {
  const auto layout = layout_of({{20, 30}});
  Job job(layout, 2, 1);
  Floats g = normal_vector(600, 3);
  for (auto& x : g) x *= 1e-40f;
  const Floats mean = job.step({g}, 0);
  EXPECT_TRUE(std::any_of(mean.begin(), mean.end(), [](float v) { return v != 0; }));
  const auto error = job.states()[0];
  EXPECT_EQ(error.name, "error");
  for (std::size_t j = 0; j < g.size(); ++j) EXPECT_EQ(error.values[j], g[j] - mean[j]);  // exact: all are multiples of 2^-149
}

/// A matrix of rank 1 comes back whole whatever Q is, unless Q is zero: zeros before it must not stay in the warm start.
TEST(PowerSgd, ZeroAndDeficientGradients) {
  const auto layout = layout_of({{20, 30}, {5}});
  const Floats a = normal_vector(20, 1), b = normal_vector(30, 2);
  Floats g(605);
  double size = 0;
  for (std::size_t j = 0; j < 600; ++j) g[j] = a[j / 30] * b[j % 30], size += double(g[j]) * double(g[j]);
  for (const std::size_t rank : {1u, 3u, 8u}) {
    Job job(layout, rank, 2);
    for (std::uint64_t step = 0; step < 6; ++step) {
      const bool zero = step < 2 || step == 4;
      const Floats sent = zero ? Floats(605) : g, mean = job.step({sent, sent}, step);
      double off = 0;
      for (std::size_t j = 0; j < 605; ++j) {
        const double by = double(mean[j]) - double(sent[j]);
        off += by * by;
      }
      // As far as Reference's T for this shape, but for 1/σ: a direction of noise turns freely, and carries nothing.
      EXPECT_LE(std::sqrt(off / size), 100 * 0x1p-24) << "rank " << rank << ", step " << step;
      EXPECT_FALSE(job.nonfinite);
    }
  }
}

TEST(PowerSgd, WhatIsNotFiniteShowsAndIsForgotten) {
  const auto layout = layout_of({{20, 30}, {5}, {16, 24}});
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Job job(layout, 2, 3);
    job.step(gradients_of(layout, 2, 3, 0), 0);
    auto gradients = gradients_of(layout, 2, 3, 1);
    for (std::size_t j = 40; j < 70; ++j) gradients[1][j] = bad;
    const Floats mean = job.step(gradients, 1);
    EXPECT_TRUE(job.nonfinite);
    EXPECT_TRUE(std::isnan(mean[50])) << bad;
    for (std::size_t j = 600; j < mean.size(); ++j) EXPECT_TRUE(std::isfinite(mean[j])) << "another tensor, coordinate " << j;
    for (const auto& state : job.states()) {
      for (const float v : state.values) EXPECT_TRUE(std::isfinite(v)) << state.name;
    }
    for (const float v : job.step(gradients_of(layout, 2, 3, 2), 2)) EXPECT_TRUE(std::isfinite(v));
    EXPECT_FALSE(job.nonfinite);
  }
}

TEST(PowerSgd, ADiscardedStepLeavesNoTrace) {
  const auto layout = many_shapes();
  Job job(layout, 4, 2), other(layout, 4, 2);
  for (std::uint64_t step = 0; step < 6; ++step) {
    const auto gradients = gradients_of(layout, 4, 2, step);
    if (step % 3 == 1) {
      job.discarded_step(gradients, step);
    } else {
      EXPECT_TRUE(same(job.step(gradients, step), other.step(gradients, step))) << "step " << step;
    }
    EXPECT_TRUE(same_states(job, other));
  }
}

TEST(PowerSgd, GoesOnFromItsStates) {
  const auto layout = many_shapes();
  Job job(layout, 4, 2), resumed(layout, 4, 2);
  for (std::uint64_t step = 0; step < 3; ++step) job.step(gradients_of(layout, 4, 2, step), step);
  const auto from = job.states();
  auto to = resumed.states();
  ASSERT_EQ(from.size(), 4u);  // of two agents e and Q
  for (std::size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].values.size(), to[i].values.size());
    std::copy(from[i].values.begin(), from[i].values.end(), to[i].values.begin());
  }
  for (std::uint64_t step = 3; step < 6; ++step) {
    const auto gradients = gradients_of(layout, 4, 2, step);
    EXPECT_TRUE(same(job.step(gradients, step), resumed.step(gradients, step))) << "step " << step;
  }
  EXPECT_TRUE(same_states(job, resumed));
}

TEST(PowerSgd, WithoutKnownTensorsItIsThePlainMean) {
  const ParameterLayout layout(50, 3);
  Job job(layout, 2, 3);
  const std::vector<Floats> gradients = {normal_vector(150, 1), normal_vector(150, 2), normal_vector(150, 3)};
  const auto none = CompressorRegistry::instance().make("none", CompressorSetup{layout, 1, 3});
  EXPECT_TRUE(same(job.step(gradients, 0), testing::round_trip(*none, gradients, 0, 150).mean));
  EXPECT_TRUE(job.states().empty());
}

/// Of a model's replicas each is compressed as if alone, but for what Q starts from.
TEST(PowerSgd, ReplicasKeepApart) {
  const auto one = layout_of({{10, 20}, {3}});
  const ParameterLayout two({one.dim, 2}, one.tensors);
  Job job(two, 2, 1), other(two, 2, 1);
  Floats g = normal_vector(406, 5), changed = g;
  for (std::size_t j = 203; j < 406; ++j) changed[j] = -3 * g[j] + 1;
  for (std::uint64_t step = 0; step < 3; ++step) {
    const Floats mean = job.step({g}, step), of_changed = other.step({changed}, step);
    EXPECT_TRUE(same(std::span(mean).first(203), std::span(of_changed).first(203)));
    EXPECT_FALSE(same(mean, of_changed));
  }
}

TEST(PowerSgd, ItsNameAndWhatIsRefused) {
  const CompressorSetup setup{many_shapes(), 1, 1};
  auto& registry = CompressorRegistry::instance();
  EXPECT_EQ(registry.make("powersgd:rank=4", setup)->name(), "powersgd:4");
  for (const std::string spec : {"powersgd", "powersgd:0", "powersgd:-1", "powersgd:1.5", "powersgd:4:4", "ef:powersgd:4"}) {
    EXPECT_THROW(registry.make(spec, setup), Error) << spec;
  }
  try {
    registry.make("powersgd:15", setup);
    ADD_FAILURE() << "24·40 is not more than 64·15";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "rank 15 of compressor 'powersgd' leaves every tensor as it is (of rank 14 at most the factors of one are "
                           "smaller than it)");
  }
}

/// For powersgd_against_torch.py: gradients, the first Q, and what the reference and the method make of them.
TEST(PowerSgd, DISABLED_WritesACaseForTorch) {
  const char* name = std::getenv("POWERSGD_CASE");
  ASSERT_NE(name, nullptr) << "POWERSGD_CASE names the file to write";
  std::FILE* file = std::fopen(name, "w");
  ASSERT_NE(file, nullptr);
  const auto layout = many_shapes();
  const std::size_t agents = 2;
  const auto write = [&](const auto& values) {
    for (const auto v : values) std::fprintf(file, "%a ", static_cast<double>(v));
    std::fprintf(file, "\n");
  };
  for (std::size_t rank = 1; rank <= 8; ++rank) {
    Job job(layout, rank, agents);
    job.inject(first_q(layout, rank));
    auto references = references_of(layout, rank, agents, first_q(layout, rank));
    for (std::uint64_t step = 0; step < 8; ++step) {
      const auto gradients = gradients_of(layout, rank, agents, step);
      const Floats mean = job.step(gradients, step);
      if (step == 0) {
        std::fprintf(file, "rank %zu steps 8 agents %zu tensors", rank, agents);
        for (const auto& s : shapes_of(layout, rank)) std::fprintf(file, " %zux%zu:%d", s.rows, s.columns, s.compressed);
        std::fprintf(file, "\n");
        write(first_q(layout, rank));
      }
      for (const auto& g : gradients) write(g);
      Doubles exact;
      std::size_t r = 0;
      for (const auto& shape : shapes_of(layout, rank)) {
        std::vector<Doubles> of_agents;
        for (const auto& g : gradients) of_agents.push_back(part_of_tensor(g, shape));
        Doubles of_tensor(shape.rows * shape.columns);
        for (const auto& g : of_agents) {
          for (std::size_t j = 0; j < g.size(); ++j) of_tensor[j] += g[j] / double(agents);
        }
        if (shape.compressed) of_tensor = references[r++].step(of_agents);
        exact.insert(exact.end(), of_tensor.begin(), of_tensor.end());
      }
      write(exact);
      write(mean);
    }
  }
  std::fclose(file);
}

}  // namespace
}  // namespace tersegrad
