// What is minimised: a network on data, or a landscape. The agents, compressors and exchange do not care which.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/layout.hpp"
#include "tersegrad/log/value.hpp"
#include "tersegrad/train/records/evaluated_rows.hpp"

namespace tersegrad {

/// Part of an evaluation: sums over the labels of some test rows.
struct EvaluationSum {
  double loss = 0;           ///< summed over labels
  std::int64_t correct = 0;  ///< labels predicted right
  std::int64_t rows = 0;     ///< labels
};

/// Told while a gradient is computed that its coordinates [begin, end) are final, and what the batch's loss is.
using GradientReady = std::function<void(std::int64_t begin, std::int64_t end, double loss)>;

/// An objective f with its replica of the parameters. One per rank; nothing in it communicates.
class Objective {
 public:
  virtual ~Objective() = default;
  virtual Layout layout() const = 0;
  /// x, layout().total() contiguous values; the trainer updates it in place.
  virtual std::span<float> parameters() = 0;
  /// The buffer that the calls below fill; the trainer adds noise to it in place.
  virtual std::span<float> gradient() = 0;

  /// ∇f_i of agent i's mini-batch at this step into gradient(). \return the batch's mean loss
  virtual double agent_gradient(std::uint32_t agent, std::uint64_t step) = 0;

  /// The same, told part by part as backward completes it: every coordinate at most once; those of parameters that the
  /// batch does not reach not at all (their gradient is 0).
  virtual double agent_gradient_in_parts(std::uint32_t agent, std::uint64_t step, const GradientReady& ready) {
    const double loss = agent_gradient(agent, step);
    ready(0, layout().total(), loss);
    return loss;
  }

  /// ∇f_i of another mini-batch of agent i at this x into gradient(), as random as a step's but independent of every
  /// step's and of every other `draw`. Leaves no trace: whatever training does next, it does as without the call.
  /// The default serves objectives whose agent_gradient keeps no state; steps from 2⁴⁰ on are no training's.
  virtual double estimation_gradient(std::uint32_t agent, std::uint64_t draw) {
    return agent_gradient(agent, (std::uint64_t{1} << 40) + draw);
  }

  /// The training data is cut into fixed chunks, whatever the number of ranks: their weighted gradients add up to ∇f.
  virtual std::int64_t gradient_chunks() const = 0;
  /// gradient() += w_c·∇f_c with w_c the chunk's share of the rows. \return w_c·f_c
  virtual double add_chunk_gradient(std::int64_t chunk) = 0;

  /// True where a rank has all of ∇f sooner than it could be sent a part of it (analytic objectives): then every rank
  /// computes every chunk, and nothing is exchanged.
  virtual bool every_rank_computes_gradient() const { return false; }

  /// Series of this objective that a run logs beside the loss; none by default.
  virtual std::vector<SeriesInfo> observables() const { return {}; }
  /// Their values at the current x; after the full gradient there, before the update. \param out [observables().size()]
  virtual void observe(std::span<double>) {}

  /// What an agent's forward passes leave in the model that is not trained (BatchNorm's running statistics), one value
  /// after another; empty where there is none. \param agent hosted here
  virtual std::span<const float> statistics(std::uint32_t /*agent*/) const { return {}; }
  /// The same, writable: for checkpoints.
  virtual std::span<float> statistics_memory(std::uint32_t /*agent*/) { return {}; }
  /// As many, of every agent.
  virtual std::int64_t statistics_size() const { return 0; }
  /// What evaluate_chunk takes from now on: the agents' mean.
  virtual void use_statistics(std::span<const float> /*mean*/) {}

  /// Those of the test data that evaluations take; none where there is none (landscapes).
  virtual EvaluatedRows test_rows() const { return {}; }
  /// Fixed chunks of them. A network tells of its progress (core/progress.hpp) while it evaluates one, and lets an
  /// exception of the listener pass.
  virtual std::int64_t test_chunks() const { return 0; }
  virtual EvaluationSum evaluate_chunk(std::int64_t) { return {}; }
};

}  // namespace tersegrad
