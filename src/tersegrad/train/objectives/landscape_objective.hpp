// An analytic landscape as a training objective: R replicas of it as one long vector.
#pragma once

#include <memory>

#include "tersegrad/theory/landscapes/landscape.hpp"
#include "tersegrad/train/options/config.hpp"
#include "tersegrad/train/objectives/objective.hpp"

namespace tersegrad {

/// f of a landscape for config.replicas independent repetitions, all from config.start (the landscape's own start if
/// empty: `dim` numbers, or one for all coordinates).
///
/// Agents share the exact gradient and add their own noise, so config.batch must be 0 ("full"). The loss is the mean
/// of f over replicas. With R > 1 a replica whose f or gradient is no longer finite has diverged: its gradient counts
/// as 0 and it leaves every mean, the others go on; diverged_replicas counts them. When none is left, the loss is inf.
///
/// Observables, at the x where the step's gradient is taken: loss_sd (over replicas), exact_gradient_norm2, distance2 (mean
/// ‖x − x*‖², x* the landscape's minimiser), diverged_replicas, and for dim ≤ 16 the mean and the variance of every
/// coordinate over replicas (x0_mean, x0_var, …; 1/(R − 1), 0 for one replica). exact_gradient_norm2 is the mean over
/// replicas of ‖∇f‖², the E‖∇f‖² of the bounds; no exact_gradient_norm, because its root is not the mean of the norms.
/// \throws Error for a start that is not such, or a batch
std::unique_ptr<Objective> make_landscape_objective(const TrainConfig& config,
                                                    std::shared_ptr<const Landscape> landscape);

}  // namespace tersegrad
