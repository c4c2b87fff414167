// Student's t fitted to a sample of a centred law.
#pragma once

#include <span>

#include "tersegrad/theory/tail_index.hpp"

namespace tersegrad {

/// The law σ·t_ν of greatest likelihood, and how well a sample knows it.
struct StudentFit {
  TailEstimate tail;
  double sigma = 0;        ///< scale (for ν < ∞ not the standard deviation)
  double sigma_error = 0;  ///< standard error of sigma, ν being estimated too
  double log_likelihood = 0;
};

/// Maximum likelihood for x_i = σ·T_i, T_i ~ t_ν independent: σ(ν) solves Σ (ν + 1)x_i²/(νσ² + x_i²) = n, and ν
/// maximises what remains (tail_weight's u, over [0, 2/3]).
///
/// Interval: {ν : 2(ℓ(ν̂) − ℓ(ν)) ≤ χ²_1(level)} of the profile likelihood ℓ; at a true ν of ∞, an end point, it covers
/// more often than stated (½ + ½·level). Standard error: the inverse of the Fisher information of (log σ, ν), Lange,
/// Little and Taylor 1989, appendix B; ν above 1000 is taken as 1000, which changes it by less than 1 %.
/// A sample that was centred or scaled by its own mean and spread is not such a sample: its tails are cut short, and
/// the more so the fewer its draws. For those see student_groups.hpp.
/// \param sample at least 8 values, finite, not all equal, fewer than a tenth of them 0
/// \param level  in (0, 1)
/// \throws Error
StudentFit fit_student(std::span<const double> sample, double level = 0.95);

}  // namespace tersegrad
