// How much noise each agent has in each coordinate, as the theory takes it.
#pragma once

#include <cstdint>
#include <vector>

namespace tersegrad {

/// The scales σ_ij of N agents' noise at batch size 1, Σ_i = diag(σ_i1², …, σ_id²), and its tail index ν:
/// agent i's gradient is ∇f + √(Σ_i/B)·Z_i with independent Z_ij ~ t_ν.
///
/// Both axes broadcast: one row serves all agents, one column all coordinates. For ν < ∞ σ is a scale, not a
/// standard deviation; the variance is σ²·ν/(ν − 2), infinite for ν ≤ 2.
class NoiseScales {
 public:
  /// \param scales [1 or N] rows of [1 or d] values ≥ 0   \throws Error
  NoiseScales(double nu, std::vector<std::vector<double>> scales);
  /// The same σ for every agent and coordinate.
  NoiseScales(double nu, double sigma) : NoiseScales(nu, std::vector<std::vector<double>>{{sigma}}) {}

  double nu() const { return nu_; }
  /// Distinct rows (1: identical agents) and columns (1: identical coordinates).
  std::int64_t rows() const { return static_cast<std::int64_t>(scales_.size()); }
  std::int64_t columns() const { return static_cast<std::int64_t>(scales_.front().size()); }
  /// σ_ij; any agent if there is one row, any coordinate if there is one column.
  double scale(std::int64_t agent, std::int64_t coordinate) const;

  /// Σ̂_jj = mean_i σ_ij²·Var t_ν. \throws Error for ν ≤ 2: DSGD and DCSGD have no covariance then, hence no SDE
  double mean_variance(std::int64_t coordinate) const;
  /// mean_i σ_ij^−1 and mean_i σ_ij^−2 (infinite where a σ is 0).
  double mean_inverse(std::int64_t coordinate) const;
  double mean_inverse_square(std::int64_t coordinate) const;

  /// L̄σ = mean_i Tr Σ_i over `dim` coordinates (variances). \throws Error for ν ≤ 2
  double mean_trace(std::int64_t dim) const;
  /// σ_H,1 and σ_H,2: harmonic means over the agents of σ_max,i and σ²_max,i, σ_max,i = max_j σ_ij.
  double harmonic_mean() const;
  double harmonic_mean_square() const;

  /// \throws Error unless the rows fit `agents` and the columns `dim`
  void require_fit(std::int64_t agents, std::int64_t dim) const;

 private:
  double nu_;
  std::vector<std::vector<double>> scales_;
};

}  // namespace tersegrad
