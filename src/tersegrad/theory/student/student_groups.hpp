// The tail index of many small samples, each with a location and a scale of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "tersegrad/theory/student/tail_index.hpp"

namespace tersegrad {

// A group is K draws x_b = m + s·T_b, T_b ~ t_ν independent, of one coordinate's noise, m and s unknown and different
// from group to group. Dividing by the group's own mean and spread and fitting t to the result is wrong at small K:
// |x_b − x̄|/S ≤ (K − 1)/√K whatever ν, so every tail looks light. What is free of m and s is the configuration
// ((x_b − x̄)/S)_b; its density at ν is, up to a factor without ν,
//
//   L(ν) = ∫∫ Π_b f_ν((x_b − m)/s)·s^(−K−1) dm ds
//
// (the right Haar measure of the location-scale group: Fraser 1968; Lehmann and Romano 2005, section 6.3). Maximising
// Π_groups L is maximum likelihood for the standardised sample itself: no plug-in, hence no bias that grows as K
// falls, however many groups there are.

/// log L(ν) of one group, up to a constant without ν. ν = ∞: the closed form S^(−K+1); else the trapezoidal rule in
/// (m/s, log s), relative error below 1e-3 for ν ≥ 1 and 2e-2 for ν ≥ 0.5 (eight draws).
/// \param values 4 to 64 of them, finite, no two alike   \throws Error
double configuration_log_likelihood(std::span<const double> values, double nu);

/// Mean of m and of log s under the same integral: Pitman's estimators. Equivariant, of least squared error among
/// such, and free of bias (for log s at any ν, for m where it has a mean), so that means over groups keep nothing of K.
struct GroupEstimate {
  double location = 0;
  double log_scale = 0;
};
GroupEstimate estimate_group(std::span<const double> values, double nu);

/// False where no continuous law fits: a value that is not finite, or two that are alike.
bool is_usable_group(std::span<const double> values);

/// ℓ_c(ν) of every cluster c; out has as many entries as there are clusters.
using ClusterLikelihoods = std::function<void(double nu, std::span<double> out)>;

/// What an estimate of ν from clusters is, and what it needs to pass its uncertainty on.
struct ClusterTail {
  TailEstimate tail;
  double weight = 0;     ///< tail_weight(nu)
  double curvature = 0;  ///< −d²/du² of the mean ℓ_c at the estimate
};

/// ν from clusters that are independent of each other, whatever the dependence inside one (the coordinates of one
/// mini-batch gradient share its rows).
///
/// Estimate: the root of Σ_c w_c(u), w_c = dℓ_c/du, u = tail_weight(ν); ∞ if the sum is negative at u = 0. Interval:
/// the ν that Student's test of "the w_c have mean zero" at C − 1 degrees of freedom does not reject. The test needs no
/// information matrix and stays valid at the end point u = 0, where the w_c still have mean zero.
/// \param clusters C ≥ 2
/// \param level    in (0, 1)   \throws Error
ClusterTail estimate_tail(const ClusterLikelihoods& likelihoods, std::size_t clusters, double level);

/// w_c(u), by central differences (one-sided of second order at the end u = 0).
void cluster_scores(const ClusterLikelihoods& likelihoods, double weight, std::span<double> out);

/// The t quantile of a two-sided interval from C independent clusters.
double cluster_quantile(std::size_t clusters, double level);

}  // namespace tersegrad
