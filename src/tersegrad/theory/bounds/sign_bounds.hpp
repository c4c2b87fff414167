// Bounds for DSignSGD, phase by phase: Theorem 3.12, Theorem C.13, Proposition C.11's phase 2.
#pragma once

#include <cstdint>
#include <span>

#include "tersegrad/theory/bounds/bounds.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {

/// A run as DSignSGD's bounds see it.
struct SignSettings {
  StudentConstants student;   ///< of the noise's ν
  double mu = 0;              ///< µ > 0: of strong convexity (3.12) or PL (C.13)
  double smoothness = 0;      ///< L (C.13 only)
  double trace = 0;           ///< L_τ ≥ Tr ∇²f (3.12 only)
  std::int64_t dim = 1;       ///< d
  double lr = 0;              ///< η > 0
  double batch = 1;           ///< B
  std::int64_t agents = 1;    ///< N
  double sigma_h1 = 0;        ///< σ_H,1: harmonic mean of σ_max,i (NoiseScales::harmonic_mean), > 0
  double sigma_h2 = 0;        ///< σ_H,2: harmonic mean of σ²_max,i

  /// \throws Error naming what is out of range
  void check() const;
};

/// Two forms of phase 1: dS ≤ −‖∇f‖_2 dt ≤ −√(2µS) dt integrates to the tight one; the print has √µ for √(2µ).
enum class PhaseOne { tight, printed };

/// S_t ≤ ¼(√(2µ)·t − 2√S_0)² (tight) or ¼(√µ·t − 2√S_0)² (printed) until it reaches 0, then 0.
double sign_phase1_bound(double mu, double gap, double t, PhaseOne form = PhaseOne::tight);
/// When it does: √(2S_0/µ) (tight) or t* = 2√(S_0/µ) (printed).
double sign_phase1_end(double mu, double gap, PhaseOne form = PhaseOne::tight);

/// Which intercept phase 2's source subtracts.
///
/// The proof bounds |2Ξ_ν(Y)| from below by m_ν|Y| + q with the secant's q = q_ν,1 ≤ q_ν,2. The print takes
/// q̂_ν = max(q_ν,1, q_ν,2) = q_ν,2, the tangent's: an upper bound of 2Ξ_ν, and the inequality fails with it (tested).
enum class Intercept { secant, printed };

/// Theorem 3.12, phase 2: rate 2µΔ, Δ = m_ν√B/σ_H,1 + ηBµm_ν²/(2Nσ_H,2), source η(L_τ − µdq²)/(2N).
/// Holds while every |Y_ij| is in [1, ψ_ν].
Relaxation sign_phase2_bound(const SignSettings& settings, double gap, Intercept intercept = Intercept::secant);

/// What phase 3 puts for 2Ξ_ν(Y) on |Y| < 1.
///
/// The paper's tangent ℓ_νY lies above 2Ξ_ν(Y), so its result is exact for the phase-3 SDE and slightly optimistic for
/// the full one; the chord 2Ξ_ν(1)·Y lies below it, and with it the bound holds for the full SDE.
enum class Line { tangent, chord };

/// Theorem 3.12, phase 3: rate 2µΔ, Δ = ℓ√B/σ_H,1 + ηBµℓ²/(2Nσ_H,2), source ηL_τ/(2N); ℓ = ℓ_ν or 2Ξ_ν(1).
Relaxation sign_phase3_bound(const SignSettings& settings, double gap, Line line = Line::tangent);

/// Theorem C.13 (µ-PL and L-smooth): Δ = m_ν√B/σ_H,1 (phase 2) or ℓ_ν√B/σ_H,1 (phase 3), source ηLd/(2N). The appendix
/// writes it at B = 1. \param phase 2 or 3
Relaxation sign_pl_bound(const SignSettings& settings, double gap, int phase);

/// Phase 2's concentration: N agents' ratios Y_ij = √B ∂_j f/σ_ij, held over a time t.
struct PhaseTwoState {
  StudentConstants student;
  double lr = 0;
  std::int64_t agents = 1;           ///< N
  std::int64_t dim = 1;              ///< d
  std::span<const double> ratios;    ///< [N·d], one row an agent, each |Y| in [1, ψ_ν]
};

/// d − (1/N) Σ_ij (m_ν|Y_ij| + q_ν,1)² ≥ d − (1/N) Σ_ij (2Ξ_ν(Y_ij))²: the diffusion's trace, from above.
///
/// The print has (m_νY + q_ν^−)², which is (m_ν|Y| + q_ν,2)² where ∂_j f < 0: there it exceeds (2Ξ_ν)², and the
/// "bound" falls below what it bounds (tested); `printed` computes that one.
double sign_phase2_spread(const PhaseTwoState& state, Intercept intercept = Intercept::secant);

/// P[‖X_t − E X_t‖² > a] ≤ (ηt/(Na))·spread, for f convex and separable (its drift contracts), from Chebyshev's
/// inequality. The print has η/a for ηt/(Na). \param t ≥ 0   \param a > 0
double sign_phase2_escape(const PhaseTwoState& state, double t, double a);

}  // namespace tersegrad
