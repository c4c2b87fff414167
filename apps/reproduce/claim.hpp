// A claim of the paper as a number, and the rule by which runs decide it.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace tersegrad {

enum class Verdict { holds, fails, inconclusive };

/// A claim as a number.
///
/// The rule. Let `off` be how far `measured` is on the wrong side of `predicted` (|measured − predicted| for "="), and
/// measured ± z·error the interval that contains the truth but for chance (0.27 % of the cases; see chance_quantile()).
///   A premise is not met:  inconclusive, whatever was measured.
///   fails                  if off − z·error > allowance: all of the interval is off by more than theory allows;
///   "=": inconclusive      if z·error > resolution: a deviation that matters could hide in the interval;
///   "<=", ">=": inconclusive  unless off + z·error ≤ allowance + resolution: all of the interval is on the right side;
///   holds                  otherwise.
/// So more noise never turns a claim into one that holds.
struct Claim {
  std::string text = {};       ///< what is claimed
  std::string reference = {};  ///< where: "Prop. B.13", "Figure 8, left"
  double measured = 0;
  double error = 0;  ///< standard error of `measured`; 0: not a random quantity
  double predicted = 0;
  std::string relation = "=";  ///< "=", "<=" or ">="
  /// Derived bound on what the theory itself leaves out (discrete steps, rounding). Never holds a standard error.
  double allowance = 0;
  double resolution =
      0;  ///< smallest deviation that would matter; one-sided claims: 0 unless prediction is an equality
  std::string derivation = {};  ///< how allowance and resolution were derived
  double z = 3;
  /// What the claim presupposes and these runs do not have (stationarity, say), with its numbers; empty: all is met.
  std::string unmet = {};
  /// A test's claim: `measured` is the p-value of what is claimed, `predicted` the level, this the p-value of the
  /// opposite. It holds or fails if the one or the other is at most the level.
  std::optional<double> opposite = {};

  Verdict verdict() const;
};

/// The rule in a few words, for reports.
extern const char* const verdict_rule;

/// The z that chance exceeds in 0.27 % of the cases (3 for one look at a Gaussian) when the largest of `comparisons` is taken
/// (Bonferroni), of Student's t with `degrees` of freedom where the standard error is itself estimated from few values.
double chance_quantile(double comparisons = 1, double degrees = std::numeric_limits<double>::infinity());

/// One of many values that a claim speaks of: at one time, of one setting.
struct Comparison {
  double measured = 0, error = 0;
  double allowance = 0, resolution = 0;
  double degrees = std::numeric_limits<double>::infinity();  ///< of freedom of `error`
  std::string where = {};                                    ///< named in the claim's text
};

/// The claim that every look is as `claim` (its text, reference, prediction, relation, derivation) says, as the claim
/// on one of them: that which fails by most, if any does; else that which is least decided; else that which is nearest
/// to failing. Every z is that of as many comparisons. \throws Error if there are none
Claim over_comparisons(Claim claim, const std::vector<Comparison>& comparisons);

/// A mean and its standard error (0 for one value).
struct Estimate {
  double mean = 0, error = 0;
  double degrees = std::numeric_limits<double>::infinity();  ///< of freedom of `error`
};
Estimate estimate(const std::vector<double>& values);
/// a − b of independent estimates, with Welch's degrees of freedom; both infinite: NaN.
Estimate difference(const Estimate& a, const Estimate& b);

/// The claim that the levels rise from one to the next ("…, larger loss"): every difference ≥ 0.
Claim rising_claim(Claim claim, const std::vector<Estimate>& levels, const std::vector<std::string>& names);

}  // namespace tersegrad
