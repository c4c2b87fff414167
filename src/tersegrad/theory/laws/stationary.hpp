// Moments on f = ½xᵀHx with diagonal H: of the SDEs (Propositions B.13, C.16) and of the algorithms themselves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/theory/student/noise_scales.hpp"

namespace tersegrad {

/// A run on a quadratic.
struct QuadraticSettings {
  std::vector<double> curvature;  ///< λ_1 … λ_d
  double lr = 0;                  ///< η
  std::int64_t agents = 1;        ///< N
  double batch = 1;               ///< B
  NoiseScales noise{1.0, 0.0};

  std::int64_t dim() const { return static_cast<std::int64_t>(curvature.size()); }
  /// \throws Error for a value out of range or scales that do not fit
  void check() const;
};

/// First and second moments of every coordinate that follow linear laws of their own, in time:
/// E X' = −decay·E X, (E X²)' = −rate·E X² + source. Per coordinate [d].
struct MomentLaw {
  std::vector<double> decay;
  std::vector<double> rate;    ///< M; ≤ 0: E X² grows without bound
  std::vector<double> source;

  double mean(std::size_t j, double start, double t) const;
  double second(std::size_t j, double start, double t) const;
  double variance(std::size_t j, double start, double t) const;
  /// source/rate; infinity where rate ≤ 0.
  double stationary(std::size_t j) const;
};

/// The same in steps: E x_{k+1} = factor·E x_k, E x²_{k+1} = square·E x²_k + source.
struct MomentRecursion {
  std::vector<double> factor;
  std::vector<double> square;  ///< ≥ 1: E x² grows without bound
  std::vector<double> source;

  double mean(std::size_t j, double start, std::int64_t k) const;
  double second(std::size_t j, double start, std::int64_t k) const;
  double variance(std::size_t j, double start, std::int64_t k) const;
  double stationary(std::size_t j) const;
};

/// ½ Σ λ_j m_j: the expected loss of second moments m.
double quadratic_loss(std::span<const double> curvature, std::span<const double> second_moments);

/// DCSGD's SDE under Rand-k (B.13; ω = 0 is DSGD): decay H, rate M = 2H(I − (ηω/2N)H), source (η/N)(1 + ω)Σ̂/B. With
/// ω = d/k − 1 the stationary covariance is (η/N)(d/k)σ²M^−1/B: quadratic in σ. Any sparsifier with this ω: only the
/// diagonal of Σ̃ enters. \throws Error for ν ≤ 2
MomentLaw dcsgd_law(const QuadraticSettings& settings, double omega);

/// DSignSGD's phase-3 SDE (C.16): decay ℓ_νs_1H, rate 2(ℓ_νs_1H + (η/2N)ℓ_ν²s_2H²), source η/N, s_1 = √B·mean_i
/// σ_ij^−1, s_2 = B·mean_i σ_ij^−2. The stationary covariance (η/2N)(ℓ_νI + (η/2N)ℓ_ν²s_2s_1^−1H)^−1H^−1s_1^−1 is
/// linear in σ.
MomentLaw sign_law(const QuadraticSettings& settings);

/// What Euler–Maruyama with step Δt makes of a law: factor 1 − decay·Δt, square (1 − decay·Δt)² + Δt(2·decay − rate),
/// source Δt·source.
MomentRecursion euler_maruyama_moments(const MomentLaw& law, double dt);

/// DCSGD itself, step by step (ω = 0 is DSGD): E x_{k+1} = (1 − ηλ)E x_k and
///   E x²_{k+1} = ((1 − ηλ)² + (η²/N)ωλ²)E x²_k + (η²/N)(1 + ω)Σ̂_jj/B.
/// Exact for any noise of that covariance: the sparsifier's second moment E[C_j²] = (1 + ω)v_j² involves coordinate j
/// alone, so coordinates do not couple in these moments (their joint law does: see cross moments).
MomentRecursion dcsgd_recursion(const QuadraticSettings& settings, double omega);

/// E[X_jX_l]' = −rate·E[X_jX_l] for j ≠ l under DCSGD's SDE: λ_j + λ_l − (η/N)c·λ_jλ_l, with c the off-diagonal factor
/// of Σ̃ (−ω/(d − 1) for Rand-k, 0 for independent coordinates, ω as printed). No source: it tells the three apart.
double dcsgd_cross_rate(const QuadraticSettings& settings, std::size_t j, std::size_t l, double c);
/// The algorithm's: E[x_jx_l] is multiplied by (1 − ηλ_j)(1 − ηλ_l) + (η²/N)c·λ_jλ_l in every step.
double dcsgd_cross_factor(const QuadraticSettings& settings, std::size_t j, std::size_t l, double c);

/// Largest learning rate at which the second moment of a coordinate with curvature λ stays bounded: 2N/(ωλ) for the SDE
/// (2µN/(L²ω) for H = λI), 2N/(λ(N + ω)) for the algorithm (also discrete steps alone diverge at 2/λ).
double dcsgd_sde_lr_limit(double lambda, std::int64_t agents, double omega);
double dcsgd_exact_lr_limit(double lambda, std::int64_t agents, double omega);

}  // namespace tersegrad
