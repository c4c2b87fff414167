// What is minimised: a network on data, or a landscape. The agents, compressors and exchange do not care which.
#pragma once

#include <span>

#include "tersegrad/core/layout.hpp"
#include "tersegrad/train/objectives/roles.hpp"

namespace tersegrad {

/// An objective f with its replica of the parameters. One per rank; nothing in it communicates.
///
/// What else it can do it is asked for: each role is there or null, and an objective has one of agent_gradients(),
/// finite_sum() and exact_gradient() at least.
class Objective {
 public:
  virtual ~Objective() = default;
  /// With a network's tensors; a landscape has none.
  virtual ParameterLayout layout() const = 0;
  /// x, layout().total() contiguous values; the trainer updates it in place.
  virtual std::span<float> parameters() = 0;
  /// The buffer that gradients are computed into, as long as x; the trainer adds noise to it in place.
  virtual std::span<float> gradient() = 0;

  /// Mini-batches of the agents' own rows (--batch B).
  virtual AgentGradients* agent_gradients() { return nullptr; }
  /// The full gradient (--batch full), which the ranks compute together.
  virtual FiniteSum* finite_sum() { return nullptr; }
  /// The full gradient, which every rank computes for itself.
  virtual ExactGradient* exact_gradient() { return nullptr; }
  virtual AgentStatistics* agent_statistics() { return nullptr; }
  virtual TestSet* test_set() { return nullptr; }
  virtual Observables* observables() { return nullptr; }
};

}  // namespace tersegrad
