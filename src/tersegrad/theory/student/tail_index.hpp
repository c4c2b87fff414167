// The range of Student-t tail indices that an estimator searches, on a scale where the Gaussian is an end point.
#pragma once

#include <limits>

namespace tersegrad {

/// u = κ/(1 + κ) with κ = 1/ν: 0 for the Gaussian, ½ for Cauchy. Likelihoods are smooth in u up to and including 0,
/// so that ν = ∞ is a value like any other and not a limit that a search runs after.
inline double tail_weight(double nu) { return 1 / (1 + nu); }
inline double tail_index(double weight) {
  return weight <= 0 ? std::numeric_limits<double>::infinity() : (1 - weight) / weight;
}

/// The heaviest tail that the estimators tell from heavier ones: at it, an estimate means "0.5 or less" and an
/// interval's lower end is 0. No mean exists below 1, so nothing the paper says changes further down.
inline constexpr double heaviest_tail_index = 0.5;

/// An estimate of ν with an interval; nu_high may be infinity.
struct TailEstimate {
  double nu = std::numeric_limits<double>::quiet_NaN();
  double nu_low = std::numeric_limits<double>::quiet_NaN();
  double nu_high = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace tersegrad
