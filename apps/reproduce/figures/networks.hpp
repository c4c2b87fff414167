// What the figures on networks share: the ViT and ResNet runs of Appendix F, repeated, and their last iterates.
#pragma once

#include <string>
#include <vector>

#include "apps/reproduce/figure.hpp"

namespace tersegrad {

/// Full gradient with injected noise on the paper's ViT (MNIST) or ResNet (CIFAR-10); `samples` 0: all rows.
TrainConfig network_config(const std::string& network, const std::string& compressor, const std::string& noise,
                           std::int64_t agents, double lr, std::int64_t steps, std::int64_t samples);

/// One setting of a figure, run several times.
struct Setting {
  std::string name;   ///< of its runs: name-0, name-1, …
  std::string label;  ///< in legends
  std::string group;  ///< base, follows, breaks, or a colour of its own
  TrainConfig config;
};

/// Each setting `repetitions` times, all with the same initial parameters and rows and each with a seed of its own:
/// repetitions are independent, also between settings (rank tests and standard errors need that).
std::vector<FigureRun> repeat(const std::vector<Setting>& settings, int repetitions);

/// The mean loss of a setting's repetitions with the standard error as its band.
Curve mean_curve(FigureReport& report, const Setting& setting, int repetitions);

/// Mean loss over the last tenth of each repetition; infinity for a diverged one.
std::vector<double> last_losses(FigureReport& report, const Setting& setting, int repetitions);

/// How far the loss falls in the last third of a setting's repetitions: mean over its first half minus mean over its
/// second; positive while it falls. Infinite if a repetition diverged.
Estimate late_fall(FigureReport& report, const Setting& setting, int repetitions);

/// log10 of each repetition's late loss, mean over the second half, over its first; infinity for a diverged one. The
/// last loss alone would be any point of a divergent run's fluctuations.
std::vector<double> late_growths(FigureReport& report, const Setting& setting, int repetitions);

/// The claim that a setting converges (log10 of the late loss over the first is at most 0 in the worst repetition) or
/// does not (at least 0 in the best one), with the repetitions' standard error.
Claim growth_claim(Claim claim, const std::vector<double>& growths, bool converges);

/// log10 of the late loss over a setting's repetitions, as an estimate; infinity if one diverged.
Estimate log_late_loss(FigureReport& report, const Setting& setting, int repetitions);

/// The linear speed-up of settings that differ in N, the last of them with very many agents: a panel of losses and one
/// of gaps to the last setting's.
///
/// N enters the recursion of x_k through the covariance of the mean of N agents' messages alone, Σ(x)/N. To second
/// order in the fluctuations E f(x_k) = A_k + C_k/N at every k: A_k the noiseless run (the bounds' transient), C_k
/// growing to the stationary level (their second term); what N does to the drift (Δ of Theorems 3.7 and 3.12) is of
/// order η/N. So the gap to N = ∞ has slope −1 against N at every k, stationary or not, and the loss itself the slope
/// of A + C/N. Against a finite N_last the gap is C(1/N − 1/N_last), and the abscissa 1/(1/N − 1/N_last). Once
/// fluctuations are no longer small beside the length on which ∇f changes, the next orders in 1/N enter: the slope over
/// the two largest N sees them least.
void speed_up_panels(FigureReport& report, const std::vector<Setting>& settings,
                     const std::vector<std::int64_t>& agents, int repetitions, const std::string& title,
                     const std::string& reference);

}  // namespace tersegrad
