// Bounds on the expected loss of DSGD and DCSGD: Theorems 3.3 and 3.7.
#pragma once

#include <cstdint>
#include <vector>

namespace tersegrad {

/// S' = −rate·S + source, S(0) = initial: the shape of every linear bound (and of every second moment) here.
struct Relaxation {
  double initial = 0;
  double rate = 0;    ///< per unit of t = kη; ≤ 0: it grows
  double source = 0;  ///< ≥ 0

  /// initial·e^(−rate·t) + source·(1 − e^(−rate·t))/rate; initial + source·t at rate 0.
  double at(double t) const;
  /// source/rate; infinity if rate ≤ 0.
  double limit() const;
};

/// A run as the bounds of DSGD and DCSGD see it.
struct LossSettings {
  double smoothness = 0;  ///< L > 0
  double pl = 0;          ///< µ of Polyak–Łojasiewicz, in (0, L]
  double lr = 0;          ///< η > 0
  double batch = 1;       ///< B
  std::int64_t agents = 1;  ///< N

  /// \throws Error naming what is out of range
  void check() const;
};

/// The agents' noise and compression, averaged.
struct AgentMeans {
  double noise = 0;        ///< L̄σ = mean_i L_σi, L_σi ≥ Tr Σ_i (variances at batch size 1)
  double omega = 0;        ///< ω̄ = mean_i ω_i
  double omega_noise = 0;  ///< mean_i ω_i·L_σi

  /// All agents alike: omega_noise = ω·L_σ.
  static AgentMeans equal(double noise, double omega) { return {noise, omega, noise * omega}; }
  /// \param noise, omega one value an agent   \throws Error unless they are as many
  static AgentMeans of(const std::vector<double>& noise, const std::vector<double>& omega);
};

/// Theorem 3.3, f µ-PL and L-smooth: E S_t ≤ S_0 e^(−2µt) + (1 − e^(−2µt))·ηL·L̄σ/(4µBN), S_t = f(X_t) − f*, t = kη.
/// \param gap S_0 ≥ 0
Relaxation dsgd_bound(const LossSettings& settings, double noise, double gap);

/// Δ = 1 − ηL²ω̄/(2µN): what compression leaves of DSGD's rate. ≤ 0: no bound, the SDE may diverge.
double dcsgd_contraction(const LossSettings& settings, double omega);

/// 2µN/(L²ω̄): the learning rate at which Δ = 0 (infinity for ω̄ = 0).
double dcsgd_lr_limit(const LossSettings& settings, double omega);

/// Theorem 3.7: E S_t ≤ S_0 e^(−2µΔt) + (1 − e^(−2µΔt))·ηL(L̄σ + ωLσ)/(4µBNΔ); at Δ ≤ 0 the same differential
/// inequality's growing solution.
Relaxation dcsgd_bound(const LossSettings& settings, const AgentMeans& agents, double gap);

}  // namespace tersegrad
