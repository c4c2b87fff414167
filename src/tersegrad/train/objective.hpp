// What is minimised: a network on data, or a landscape. The agents, compressors and exchange do not care which.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tersegrad/core/layout.hpp"

namespace tersegrad {

/// Part of an evaluation: sums over some test rows.
struct EvaluationSum {
  double loss = 0;           ///< summed over rows
  std::int64_t correct = 0;  ///< rows classified right
  std::int64_t rows = 0;
};

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

  /// Fixed chunks of the test data; 0 where there is none (landscapes).
  virtual std::int64_t test_chunks() const { return 0; }
  virtual EvaluationSum evaluate_chunk(std::int64_t) { return {}; }
};

}  // namespace tersegrad
