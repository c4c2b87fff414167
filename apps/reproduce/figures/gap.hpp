// How far an SDE's means are from the algorithm's, by Richardson's extrapolation from two learning rates.
#pragma once

#include "apps/reproduce/figure.hpp"

namespace tersegrad {

/// A mean over repetitions with its standard error, record by record.
struct MeanSeries {
  std::vector<double> iteration, value, error;
  /// Records to leave out, by index: those at which a repetition is on its way to infinity.
  std::vector<bool> leaving = {};
};
/// `name`: a coordinate ("x0"), or "loss".
MeanSeries mean_series(const RunRecord& run, const std::string& name);

/// The claim that the gap G(η) of the two means is O(η): that 2G(η/2) − G(η), from which a gap proportional to η is
/// gone and of which a gap that does not shrink leaves all, is nothing but chance at every time.
///
/// What the extrapolation leaves of an SDE integrated with Δt = η is O(η²): one step of it and one of the algorithm
/// have the same conditional mean and covariance, and no bound on the rest is at hand, so the allowance has none but
/// float's rounding: each of the k + 2·2k steps of the two pairs may round by half a unit, at most 2^−24 of the
/// largest value, which counts where all repetitions agree (DSignSGD's phase 1 has no variance). Resolution: a quarter
/// of the range of the algorithm's mean, half of what an SDE wrong by one half would be off by. \param half, half_sde
/// at η/2, records at twice the iteration, but for one step
Claim gap_claim(Claim claim, const MeanSeries& algorithm, const MeanSeries& sde, const MeanSeries& half,
                const MeanSeries& half_sde);

}  // namespace tersegrad
