// The full gradient, computed by all ranks together once per step.
#pragma once

#include <span>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/core/buffer.hpp"
#include "tersegrad/train/objectives/objective.hpp"

namespace tersegrad {

/// ∇f over the whole training data, shared by all agents ("full gradient with injected noise", Appendix F).
///
/// The chunks of the objective are dealt to a fixed number of lanes in order; a lane's gradient is summed by one
/// rank, the lanes' sums are added in lane order (ordered_sum). Neither depends on how many ranks there are, so the
/// bits do not either. Its traffic is the laboratory's, not the algorithm's, and is not metered.
class FullGradient {
 public:
  /// Lanes: how many ranks can share the work at most, and how many vectors they hold together.
  static constexpr std::int64_t max_lanes = 16;

  /// \param comm, objective outlive this object; the objective is a FiniteSum or has an ExactGradient
  FullGradient(const Communicator& comm, Objective& objective);

  /// Computes ∇f(x) on every rank. Collective, unless the objective has an ExactGradient. \return f(x)
  double compute();
  /// Of the last compute().
  std::span<const float> value() const { return value_; }

 private:
  double compute_together(FiniteSum& sum);

  const Communicator& comm_;
  Objective& objective_;
  std::int64_t lanes_;
  Buffer<float> value_, sums_;
};

}  // namespace tersegrad
