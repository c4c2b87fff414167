// What an objective may offer beside its parameters. Each is small, so that whoever offers one offers all of it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tersegrad/log/value.hpp"
#include "tersegrad/train/records/evaluated_rows.hpp"

namespace tersegrad {

/// Told while a gradient is computed that its coordinates [begin, end) are final, and what the batch's loss is.
using GradientReady = std::function<void(std::int64_t begin, std::int64_t end, double loss)>;

/// Gradients of the agents' own mini-batches, each into Objective::gradient().
class AgentGradients {
 public:
  virtual ~AgentGradients() = default;

  /// ∇f_i of agent i's mini-batch at this step. \return the batch's mean loss
  virtual double agent_gradient(std::uint32_t agent, std::uint64_t step) = 0;
  /// The same, told part by part as backward completes it: every coordinate at most once; those of parameters that the
  /// batch does not reach not at all (their gradient is 0).
  virtual double agent_gradient_in_parts(std::uint32_t agent, std::uint64_t step, const GradientReady& ready) = 0;

  /// ∇f_i of another mini-batch of agent i at this x, as random as a step's but independent of every step's and of every
  /// other `draw`. Leaves no trace: whatever training does next, it does as without the call.
  /// The default serves agents whose gradients keep no state; steps from 2⁴⁰ on are no training's.
  virtual double estimation_gradient(std::uint32_t agent, std::uint64_t draw) {
    return agent_gradient(agent, (std::uint64_t{1} << 40) + draw);
  }
};

/// f as a sum over training data that is cut into fixed chunks, whatever the number of ranks.
class FiniteSum {
 public:
  virtual ~FiniteSum() = default;
  virtual std::int64_t gradient_chunks() const = 0;
  /// Objective::gradient() += w_c·∇f_c with w_c the chunk's share of the rows. \return w_c·f_c
  virtual double add_chunk_gradient(std::int64_t chunk) = 0;
};

/// An analytic f: a rank has all of ∇f sooner than it could be sent a part of it.
class ExactGradient {
 public:
  virtual ~ExactGradient() = default;
  /// All of Objective::gradient() = ∇f(x). \return f(x)
  virtual double compute_exact_gradient() = 0;
};

/// What an agent's forward passes leave in the model that is not trained: BatchNorm's running statistics.
class AgentStatistics {
 public:
  virtual ~AgentStatistics() = default;
  /// An agent's, one value after another; writable: a checkpoint sets them back. \param agent hosted here
  virtual std::span<float> statistics(std::uint32_t agent) = 0;
  /// As many, of every agent; at least 1.
  virtual std::int64_t statistics_size() const = 0;
  /// What evaluations take from now on. \param mean the agents' mean [statistics_size()]
  virtual void use_statistics(std::span<const float> mean) = 0;
};

/// Part of an evaluation: sums over the labels of some test rows.
struct EvaluationSum {
  double loss = 0;           ///< summed over labels
  std::int64_t correct = 0;  ///< labels predicted right
  std::int64_t rows = 0;     ///< labels
};

/// Test data, cut into fixed chunks.
class TestSet {
 public:
  virtual ~TestSet() = default;
  /// Those rows that evaluations take.
  virtual EvaluatedRows test_rows() const = 0;
  virtual std::int64_t test_chunks() const = 0;
  /// Tells of its progress (core/progress.hpp) meanwhile, and lets an exception of the listener pass.
  virtual EvaluationSum evaluate_chunk(std::int64_t chunk) = 0;
};

/// Series that a run logs beside the loss.
class Observables {
 public:
  virtual ~Observables() = default;
  virtual std::vector<SeriesInfo> series() const = 0;
  /// Their values at the current x; after the full gradient there, before the update. \param out [series().size()]
  virtual void observe(std::span<double> out) = 0;
};

}  // namespace tersegrad
