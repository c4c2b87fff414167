// Student's t as DSignSGD sees it: the mean of a noisy sign, and the constants of the three phases.
#pragma once

namespace tersegrad {

/// \throws Error unless ν > 0 (infinity: Gaussian).
void require_tail_index(double nu);

/// 2Ξ_ν(x) = 2F_ν(x) − 1 = E sign(x + T), T ~ t_ν: the mean sign at signal-to-noise ratio x.
///
/// Ξ_ν is Corollary C.10's; computed as the regularised incomplete beta function I_z(½, ν/2), z = x²/(ν + x²)
/// (ν = ∞: erf(x/√2)), so that small x keep their relative accuracy. Odd in x; ±∞ gives ±1.
/// \param nu degrees of freedom, > 0, infinity allowed   \throws Error
double sign_mean(double nu, double x);

/// 1 − 2Ξ_ν(|x|), with relative accuracy where that is tiny: P(|T| > |x|).
double sign_mean_tail(double nu, double x);

/// Ξ_ν(x) = F_ν(x) − ½.
double xi(double nu, double x);

/// 2Ξ'_ν(x): twice the density of t_ν. At 0 it is ℓ_ν (ℓ_1 = 2/π, ℓ_2 = 1/√2, ℓ_∞ = √(2/π)).
double sign_mean_slope(double nu, double x);

/// Var t_ν = ν/(ν − 2); 1 for ν = ∞ and infinity for ν ≤ 2.
double student_variance(double nu);

/// The constants of Proposition C.11.
struct StudentConstants {
  double nu = 0;
  double tolerance = 0;   ///< what "≈ 1" means: 1 − 2Ξ_ν(ψ_ν) = tolerance
  double ell = 0;         ///< ℓ_ν = 2Ξ'_ν(0)
  double psi = 0;         ///< ψ_ν: beyond it a sign is wrong with probability ≤ tolerance/2 (overflows for ν < 0.01)
  double slope = 0;       ///< m_ν: of the secant of 2Ξ_ν through 1 and ψ_ν
  double intercept1 = 0;  ///< q_ν,1: the secant's, ≥ 0; m x + q_1 ≤ 2Ξ_ν(x) on [1, ψ_ν]
  double intercept2 = 0;  ///< q_ν,2 > q_1 (2Ξ_ν is concave): the tangent's of slope m_ν; 2Ξ_ν(x) ≤ m x + q_2, x ≥ 0
  double at_one = 0;      ///< 2Ξ_ν(1): |2Ξ_ν(x)| ≥ 2Ξ_ν(1)|x| for |x| ≤ 1; with this chord phase 3 bounds the full SDE
};

/// \param tolerance in (0, 1 − 2Ξ_ν(1)): ψ_ν must lie beyond 1. The paper leaves it open
/// \throws Error
StudentConstants student_constants(double nu, double tolerance = 0.01);

}  // namespace tersegrad
