// The SDEs of the three methods as processes: drift and diffusion, apart from how they are discretised.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "tersegrad/core/layout.hpp"
#include "tersegrad/theory/student/noise_scales.hpp"

namespace tersegrad {

/// ∇f of the whole vector (layout.total() entries): a landscape's, or a network's (then with one replica).
using Gradient = std::function<void(std::span<const double> x, std::span<double> gradient)>;

/// dX = b(X)dt + σ(X)dW in R^dim, for `replicas` independent copies at once. X at t = kη stands for the iterate x_k.
class Process {
 public:
  explicit Process(const Layout& layout) : layout_(layout) {}
  virtual ~Process() = default;

  const Layout& layout() const { return layout_; }
  /// Standard normals that one step of one replica takes; 0 for an ODE.
  virtual std::int64_t normals() const { return layout_.dim; }

  /// drift = b(x) and kick = σ(x)z.
  /// \param x, drift, kick [replicas·dim]; kick is untouched by an ODE
  /// \param z [replicas·normals()] standard normals
  virtual void evaluate(std::span<const double> x, std::span<const double> z, std::span<double> drift,
                        std::span<double> kick) const = 0;

 private:
  Layout layout_;
};

/// What all SDEs need to know of a run.
struct ProcessSettings {
  Layout layout;
  Gradient gradient;
  double lr = 0;             ///< η > 0
  std::int64_t agents = 1;   ///< N ≥ 1
  double batch = 1;          ///< B > 0: scales are σ/√B
  NoiseScales noise{1.0, 0.0};

  /// \throws Error for a value out of range or scales that do not fit
  void check() const;
};

/// DSGD (Theorem 3.2): b = −∇f, σσᵀ = (η/N)·Σ̂/B. \throws Error for ν ≤ 2
std::unique_ptr<Process> make_dsgd(const ProcessSettings& settings);

/// Which coordinates of an unbiased sparsifier's error are correlated.
enum class Correlation {
  exactly_k,    ///< Rand-k: exactly k of d coordinates, drawn without replacement
  independent,  ///< every coordinate kept with probability k/d on its own; also any compressor with uncorrelated errors
  printed,      ///< the paper's Σ̃ = ω(∇f∇fᵀ + Σ̂) + Σ̂, whose off-diagonal is no sparsifier's
};

/// DCSGD (Theorem 3.6) with a sparsifier of variance factor ω: b = −∇f, σσᵀ = (η/N)·Σ̃ with
///   Σ̃_jj = ω((∂_j f)² + Σ̂_jj/B) + Σ̂_jj/B,
///   Σ̃_jl = −ω/(d − 1)·∂_j f ∂_l f (exactly_k; = −(d − k)/(k(d − 1))·∂_j f ∂_l f with ω = d/k − 1), 0 (independent)
///   or ω ∂_j f ∂_l f (printed).
/// The first is diagonal plus rank one, D + c∇f∇fᵀ with c = −ω/(d − 1), D_jj = Σ̃_jj − c(∂_j f)² ≥ 0, so a draw is
/// D^½(I + βvvᵀ)z with v = D^−½∇f and β = (√(1 + c‖v‖²) − 1)/‖v‖²: O(d). The printed one takes a further normal.
/// \param omega ≥ 0; for Rand-k d/k − 1   \throws Error for ν ≤ 2 or ω out of range (exactly_k: at most d − 1)
std::unique_ptr<Process> make_dcsgd(const ProcessSettings& settings, double omega,
                                    Correlation correlation = Correlation::exactly_k);

/// DSignSGD, mean of signs (Corollary C.10), with Y_ij = √B ∂_j f/σ_ij:
/// b_j = −mean_i 2Ξ_ν(Y_ij), σσᵀ = (η/N)·diag(1 − mean_i (2Ξ_ν(Y_ij))²). Any ν > 0; σ_ij = 0 gives a plain sign.
std::unique_ptr<Process> make_dsignsgd(const ProcessSettings& settings);

/// Phase 1 (|Y| > ψ_ν): the ODE dX = −sign(∇f)dt.
std::unique_ptr<Process> make_sign_phase1(const ProcessSettings& settings);

/// The sides of Proposition C.11's phase 2 (1 < |Y| < ψ_ν).
enum class Side { lower, upper };

/// Phase 2's bounds on dE[X]/dt, as ODEs: −m_ν mean_i(Y_i) − q_ν^+ (lower) and −m_ν mean_i(Y_i) − q_ν^− (upper), where
/// (q^+)_j = q_ν,2 and (q^−)_j = q_ν,1 where ∂_j f > 0, and −q_ν,1 and −q_ν,2 where ∂_j f < 0. (The proof's (114)
/// prints "+ q^−"; the statement's sign is right.) \param tolerance of ψ_ν
std::unique_ptr<Process> make_sign_phase2(const ProcessSettings& settings, Side side, double tolerance = 0.01);

/// Phase 3 (|Y| < 1): b_j = −ℓ_ν mean_i Y_ij, σσᵀ = (η/N)·diag(max(0, 1 − ℓ_ν² mean_i Y_ij²)). All σ_ij > 0 is needed.
std::unique_ptr<Process> make_sign_phase3(const ProcessSettings& settings);

}  // namespace tersegrad
