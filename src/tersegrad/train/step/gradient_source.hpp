// Where the agents' gradients come from: chosen once a run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/train/objectives/full_gradient.hpp"
#include "tersegrad/train/objectives/objective.hpp"

namespace tersegrad {

/// Gradients before clipping and noise, each into Objective::gradient().
class GradientSource {
 public:
  virtual ~GradientSource() = default;
  /// Before a step's gradients. Collective.
  virtual void begin_step() {}
  /// \param draw of its mini-batch, from 0 \return its loss
  virtual double gradient(std::uint32_t agent, std::uint64_t draw) = 0;
  /// Another gradient at the same x, independent of every step's; see AgentGradients::estimation_gradient().
  virtual void estimation_gradient(std::uint32_t agent, std::uint64_t draw) = 0;
  /// Where a gradient comes part by part while backward runs; else null.
  virtual AgentGradients* in_parts() { return nullptr; }
  /// What all agents share, and its loss, which a header's float32 cannot hold; nothing where each has its own.
  virtual std::span<const float> shared() const { return {}; }
  virtual std::optional<double> shared_loss() const { return {}; }
};

/// With --batch full the full gradient, which the ranks compute together and all agents share; else each agent's mini-batch's.
/// \param batch 0: full
std::unique_ptr<GradientSource> make_gradient_source(const Communicator& comm, Objective& objective, std::int64_t batch);

}  // namespace tersegrad
