// DSignSGD on a separable quadratic, exactly: the law of one coordinate as a Markov chain on a lattice.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/theory/laws/stationary.hpp"
#include "tersegrad/theory/sde/sign_response.hpp"

namespace tersegrad {

/// The exact law of x_k, x_{k+1} = x_k − (η/N) Σ_i sign(λx_k + σ_i/√B·T_i) with T_i ~ t_ν independent.
///
/// The moments of DSignSGD obey no closed recursion: E x_{k+1} takes E 2Ξ_ν(√Bλx_k/σ), no moment of x_k. But the sum
/// of N signs is an integer, so x_k = x_0 + kη − (2η/N)U_k with U_k the number of plus signs so far, and U_{k+1} − U_k
/// given x_k is Binomial(N, p(x_k)) (a sum of unequal coins for unequal agents), p = (1 + 2Ξ_ν)/2. The law of U_k is
/// therefore a vector, advanced without error but rounding and the tails below 1e-18 that each step drops (`lost`).
/// Coordinates of a diagonal quadratic with independent noise never meet: one lattice each. Cost of a step: states × N.
class SignLattice {
 public:
  /// Coordinate `coordinate` of a run started at `start`. \throws Error unless every σ is positive (a zero gradient has
  /// sign 0, off the lattice)
  SignLattice(const QuadraticSettings& settings, std::int64_t coordinate, double start);

  void advance(std::int64_t steps);
  std::int64_t steps() const { return steps_; }

  double mean() const;
  double second() const;
  double variance() const;
  /// Probability dropped so far.
  double lost() const { return lost_; }

  /// P[x_k = position(i)].
  std::span<const double> probabilities() const { return mass_; }
  double position(std::size_t i) const;

 private:
  void advance_once();
  /// Law of the number of plus signs at x, into signs_ from entry 0; its first count is returned, its length in signs_.
  std::int64_t count_law(double x);

  SignResponse response_;
  std::vector<double> ratio_;  // √Bλ/σ_i: one entry for identical agents
  double lambda_;
  double start_;
  double lr_;
  std::int64_t agents_;
  std::int64_t steps_ = 0;
  std::int64_t first_ = 0;     // U of mass_[0]
  std::vector<double> mass_{1.0};
  std::vector<double> next_, signs_;
  double lost_ = 0;
};

/// First and second moments of every coordinate after `steps` steps of DSignSGD.
struct SignMoments {
  std::vector<double> mean, second;
};
SignMoments sign_moments(const QuadraticSettings& settings, std::span<const double> start, std::int64_t steps);

/// E x² of every coordinate in the long run: the lattice advanced until blocks of steps change it by less than
/// `relative`; averaged over two successive steps (with N odd the chain has period 2).
/// \throws Error if that takes more than `most_steps`
std::vector<double> sign_stationary(const QuadraticSettings& settings, double relative = 1e-9,
                                    std::int64_t most_steps = 10'000'000);

}  // namespace tersegrad
