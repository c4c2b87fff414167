// What a noise report finds.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "tersegrad/log/value.hpp"
#include "tersegrad/theory/student/tail_index.hpp"

namespace tersegrad {

/// The agents' gradient noise at one x. Scales and variances are those of batch 1: the paper's Z_i/√B at batch B.
/// NaN: not measurable at this x.
struct NoiseMeasurement {
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  static constexpr double level = 0.95;  ///< of every interval

  std::int64_t step = 0;         ///< before whose update, counted from 1
  std::int64_t coordinates = 0;  ///< sampled
  std::int64_t draws = 0;        ///< mini-batches (or draws of injected noise) of each agent
  TailEstimate tail;             ///< of each coordinate's noise in its own scale
  double sigma = nan;            ///< geometric mean over agents and coordinates of the scale
  double sigma_low = nan, sigma_high = nan;
  double trace = nan;            ///< sample estimate of L̄σ, the mean over agents of Tr Σ_i; of no limit for ν ≤ 2
  double snr_median = nan;       ///< of |Y| = √B |∂_j f|/σ_ij
  double snr_floor = nan;        ///< the median that a gradient of zero would show, estimated from so few draws
  double psi = nan;              ///< ψ_ν, tolerance 0.01
  double phase1 = nan;           ///< share of |Y| > ψ_ν
  double phase2 = nan;           ///< of 1 ≤ |Y| ≤ ψ_ν
  double phase3 = nan;           ///< of |Y| < 1
  double still = nan;            ///< share of (agent, coordinate) pairs without noise: all draws alike
  double irregular = nan;        ///< share with some draws alike or not finite: no continuous law; left out above

  /// The series of a run, and their values: NaN between reports.
  static std::vector<SeriesInfo> columns();
  std::vector<double> values() const;
};

}  // namespace tersegrad
