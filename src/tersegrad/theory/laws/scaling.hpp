// Scaling rules: which hyperparameters keep the asymptotic loss of a run when others change.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {

/// The four quantities that trade off. Real numbers: a rule's answer need not be whole.
struct Hyperparameters {
  double lr = 0;      ///< η
  double batch = 1;   ///< B, of one agent
  double agents = 1;  ///< N
  double omega = 0;   ///< ω, variance factor of the unbiased compressor; 0: none. No part of DSignSGD's rule

  /// \throws Error for a value out of range
  void check() const;
};

enum class Quantity { lr, batch, agents, omega };
const char* quantity_name(Quantity quantity);  ///< "learning rate", "batch", "agents", "omega"
double quantity_of(const Hyperparameters& values, Quantity quantity);
void set_quantity(Hyperparameters& values, Quantity quantity, double value);

/// A method's asymptotic bound on the loss as a function of the hyperparameters, and its inverse in each of them.
class ScalingRule {
 public:
  virtual ~ScalingRule() = default;

  /// What must stay equal: the asymptotic bound up to the factors that no hyperparameter changes. Infinity where the
  /// bound does not exist (Δ ≤ 0).
  virtual double floor(const Hyperparameters& values) const = 0;

  /// Δ of the theorem, positive where the run is bounded.
  virtual double contraction(const Hyperparameters& values) const = 0;

  /// The value of `unknown` for which floor(wanted) = floor(base).
  /// \throws Error if no positive value (ω: from 0) does that, with the reason, or if the base has no floor
  virtual double solve(const Hyperparameters& base, Hyperparameters wanted, Quantity unknown) const = 0;

  /// The rule in one line: "kappa (1 + beta omega) / (alpha delta) = 1".
  virtual std::string text() const = 0;
};

/// DSGD and DCSGD: floor = η(1 + ρω)/(BN(1 − cηω/N)), c = L²/(2µ), from Theorem 3.7.
///
/// With a base of ω = 0 it is the paper's equation (73), κ(L̄σ + β·ωLσ)/(δα(2µ − ηκL²ω̄β/(αN))) = L̄σ/(2µ); a base
/// that compresses keeps its own floor by the same equation. c = 0 (N ≫ 1) gives κ(1 + βω)/(αδ) = 1, Table 1; no
/// compression κ/(αδ) = 1, Proposition 3.5.
/// \param smoothness, mu L and µ, 0 < µ ≤ L
/// \param rho ωLσ/(ω̄·L̄σ): 1 for equal agents
class CompressedRule final : public ScalingRule {
 public:
  CompressedRule(double smoothness, double mu, double rho = 1);
  /// The form for N ≫ 1: c = 0.
  static CompressedRule many_agents(double rho = 1);
  double floor(const Hyperparameters& values) const override;
  double contraction(const Hyperparameters& values) const override;
  double solve(const Hyperparameters& base, Hyperparameters wanted, Quantity unknown) const override;
  std::string text() const override;

 private:
  CompressedRule() = default;
  double c_ = 0;
  double rho_ = 1;
};

/// DSignSGD: floor = η/(N(k_1√B + k_2ηB/N)), k_1 = ℓ_ν/σ_H,1, k_2 = ℓ_ν²µ/(2σ_H,2), from Theorem 3.12's phase 3.
///
/// With K_1 = k_1√B and K_2 = k_2ηB/N equality is the paper's (157), κ(K_1 + K_2) = α√δK_1 + κδK_2. k_2 = 0 (N ≫ 1)
/// gives κ/(α√δ) = 1, Proposition 3.14.
class SignRule final : public ScalingRule {
 public:
  /// The form for N ≫ 1: k_2 = 0, and k_1 drops out.
  SignRule() = default;
  /// \param sigma_h1, sigma_h2 harmonic means of σ_max,i and σ²_max,i (σ and σ² for equal agents), > 0   \throws Error
  SignRule(double nu, double mu, double sigma_h1, double sigma_h2);
  double floor(const Hyperparameters& values) const override;
  double contraction(const Hyperparameters& values) const override;
  double solve(const Hyperparameters& base, Hyperparameters wanted, Quantity unknown) const override;
  std::string text() const override;

 private:
  double k1_ = 1;
  double k2_ = 0;
};

/// What is left to solve for where some quantities of the new run are named and the others stay as in the base run: the
/// learning rate unless it is named; then the batch or the agents, whichever is not; then ω (not for DSignSGD). Nothing
/// if all are named. \throws Error if the learning rate is named and neither batch nor agents: two unknowns
std::optional<Quantity> quantity_to_solve(std::span<const Quantity> named, bool sign);

/// The value that can be run: batch and agents are whole, rounded up (never a higher loss).
double runnable(Quantity quantity, double value);

/// The row of Table 1 (or the proposition) that a change from `base` to `wanted` with `unknown` solved for is a case
/// of, e.g. "Table 1, row 1: alpha = 1 + beta omega"; quantities count as changed where they differ.
std::string compressed_rule_row(const Hyperparameters& base, const Hyperparameters& wanted, Quantity unknown);

}  // namespace tersegrad
