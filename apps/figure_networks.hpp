// What the figures on networks share: the ViT and ResNet runs of Appendix F, repeated, and their last iterates.
#pragma once

#include <string>
#include <vector>

#include "apps/figure.hpp"

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

/// Each setting `repetitions` times with seeds 1, 2, …; the initial parameters are the same in all.
std::vector<FigureRun> repeat(const std::vector<Setting>& settings, int repetitions);

/// The mean loss of a setting's repetitions with the standard error as its band.
Curve mean_curve(FigureReport& report, const Setting& setting, int repetitions);

/// Mean loss over the last tenth of each repetition; infinity for a diverged one.
std::vector<double> last_losses(FigureReport& report, const Setting& setting, int repetitions);

/// The largest last loss of a setting's repetitions over their first; infinity if one diverged.
double worst_growth(FigureReport& report, const Setting& setting, int repetitions);

/// The linear speed-up: losses of settings that differ in N, the last of them with very many agents; the claims that more
/// agents mean a lower loss, and that the gap to the last setting's loss falls as 1/N. Fluctuations enter the loss to
/// second order, so E f(x_k) = f_∞ + c/N + O(1/N²) at every k: slope −1 of log gap against log of 1/(1/N − 1/N_last).
void speed_up_panel(FigureReport& report, const std::vector<Setting>& settings, const std::vector<std::int64_t>& agents,
                    int repetitions, const std::string& title, const std::string& reference);

/// Figures 2, 4, 6 and 7: losses beside the base run's, a box plot of |last loss − base's mean last loss|, and the claim
/// that every follower's errors lie below every breaker's (Mann–Whitney's U of each pair; the largest p-value).
void scaling_panels(FigureReport& report, const std::vector<Setting>& settings, int repetitions, const std::string& title,
                    const std::string& reference);

/// One-sided p-value of the exact Mann–Whitney test that `low` tends to be below `high`.
double mann_whitney(const std::vector<double>& low, const std::vector<double>& high);

}  // namespace tersegrad
