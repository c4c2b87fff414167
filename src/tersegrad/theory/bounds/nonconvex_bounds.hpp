// Bounds on the gradient for smooth, non-convex objectives under a schedule: Theorems 3.4, 3.8 and 3.13.
#pragma once

#include <cstdint>

#include "tersegrad/theory/bounds/bounds.hpp"
#include "tersegrad/theory/bounds/sign_bounds.hpp"

namespace tersegrad {

/// φ¹_t = ∫₀ᵗ η_s ds and φ²_t = ∫₀ᵗ η_s² ds of a schedule η_s (a factor on the learning rate, η_0 = 1 as a rule).
struct ScheduleIntegrals {
  double first = 0;
  double second = 0;
};

/// η_s = (1 + s/τ)^−a. The theorems' bounds tend to 0 for 0 < a ≤ 1 (φ¹ → ∞ and φ²/φ¹ → 0); a = 0 is a constant rate.
/// \param exponent a ≥ 0   \param tau τ > 0   \param t ≥ 0   \throws Error
ScheduleIntegrals power_schedule(double exponent, double tau, double t);

/// Theorem 3.4 (A.11), DSGD on an L-smooth f: E‖∇f(X_t̃)‖² ≤ S_0/φ¹ + (ηL·L̄σ/(2BN))·φ²/φ¹, t̃ of density η_t̃/φ¹.
double dsgd_gradient_bound(const LossSettings& settings, double noise, double gap, const ScheduleIntegrals& phi);

/// Theorem 3.8 (B.11), DCSGD: (S_0/φ¹ + (φ²/φ¹)·ηL(L̄σ + ωLσ)/(2BN)) / (1 − (ηLω̄/(2N))·φ²/φ¹), t̃ of density
/// proportional to η_t̃ − (ηLω̄/(2N))η_t̃². Infinity where the schedule breaks η_t < 2N/(ηLω̄). The appendix prints
/// f(X_*) − f(X_0) for S_0 = f(X_0) − f(X_*) in (53) and (58): a negative "bound".
/// \param largest the schedule's largest η_t (1 for power_schedule)
double dcsgd_gradient_bound(const LossSettings& settings, const AgentMeans& agents, double gap,
                            const ScheduleIntegrals& phi, double largest = 1);

/// Theorem 3.13 (C.14), DSignSGD phase by phase; σ_H,1, m_ν, ℓ_ν and q as in SignSettings (µ, L_τ are not used).
/// Phase 1: ‖∇f(X_t̃)‖_1 ≤ S_0/φ¹.
double sign_gradient_bound1(double gap, const ScheduleIntegrals& phi);
/// Phase 2: E‖∇f‖² + weight·E‖∇f‖_1 ≤ σ_H,1/(φ¹m_ν√B)·(S_0 + ηLdφ²/(2N)), weight = qσ_H,1/(m_ν√B).
struct MixedGradientBound {
  double bound = 0;
  double weight = 0;          ///< with q = q_ν,1, which the proof supports
  double printed_weight = 0;  ///< with the print's q̂_ν = q_ν,2
};
MixedGradientBound sign_gradient_bound2(const SignSettings& settings, double gap, const ScheduleIntegrals& phi);
/// Phase 3: E‖∇f‖² ≤ σ_H,1/(φ¹ℓ_ν√B)·(S_0 + ηLdφ²/(2N)).
double sign_gradient_bound3(const SignSettings& settings, double gap, const ScheduleIntegrals& phi);

}  // namespace tersegrad
