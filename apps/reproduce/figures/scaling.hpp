// Figures 2, 4, 6 and 7: runs under the scaling rules, beside their base run and beside runs that break them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/reproduce/figures/networks.hpp"

namespace tersegrad {

/// A run relative to its base run (η, B, N, σ).
struct ScaledRun {
  std::string name, label;
  std::string group;  ///< base, follows, breaks
  std::string compressor;
  std::int64_t agents = 1, batch = 1;
  double lr_factor = 1;
  double sigma_factor = 1;  ///< √(1/δ) where δB is no whole number

  /// Of the drift in a step, relative to the base run's.
  double speed() const;
};

/// What such a figure runs on one network.
struct ScalingPanel {
  std::string network, title, reference;
  double lr = 0, sigma = 0;  ///< of the base run, at B = 1
  std::int64_t steps = 0, samples = 0;
  int repetitions = 1;
};

std::vector<FigureRun> scaling_runs(const std::vector<ScaledRun>& rules, const std::vector<ScalingPanel>& panels);

/// For each network the losses beside the base run's, a box plot of |last loss − the base run's mean last loss|, and
/// the claim that every follower's errors lie below every breaker's (rank_claim). Premises:
/// - a follower of another speed (drift per step: η, for sign also √B/σ) shares the base run's stationary level alone,
///   so the base run must not still fall (late_fall beyond two standard errors, and by more than a tenth of the
///   follower's error). At the same speed drift and noise are the base run's at every step;
/// - the control: the base run's own errors lie below every breaker's by the same test. Else the runs cannot show what
///   breaking the rule does.
void draw_scaling(FigureReport& report, const std::vector<ScaledRun>& rules, const std::vector<ScalingPanel>& panels);

/// The claim that `low` lies below every breaker: exact Mann–Whitney test of each pair, the largest p (a union of
/// hypotheses: no correction). It fails if some breaker lies below `low` by the reverse test (smallest p, Bonferroni).
/// Its text is the name of the breaker with the largest p.
Claim rank_claim(const std::vector<double>& low,
                 const std::vector<std::pair<std::string, std::vector<double>>>& breakers);

/// One-sided p-value of the exact Mann–Whitney test that `low` tends to be below `high`. Samples must be independent.
double mann_whitney(const std::vector<double>& low, const std::vector<double>& high);

}  // namespace tersegrad
