#include <algorithm>
#include <cmath>

#include "apps/figure_networks.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text.hpp"

namespace tersegrad {
namespace {

/// Losses against N, the last of them standing for N = ∞.
struct Levels {
  std::vector<double> agents;
  std::vector<Estimate> loss;

  /// 1/(1/N − 1/N_last): what C/N − C/N_last is a power −1 of.
  double abscissa(std::size_t i) const { return 1 / (1 / agents[i] - 1 / agents.back()); }
  double gap(std::size_t i) const { return loss[i].mean - loss.back().mean; }
  double gap_error(std::size_t i) const { return std::hypot(loss[i].error, loss.back().error); }
};

/// Slope of log gap against log abscissa over entries [from, size − 1). The last level is common to all gaps; its error
/// is counted in each, which overstates that of the slope.
Slope gap_slope(const Levels& levels, std::size_t from) {
  std::vector<double> x, y, relative;
  for (std::size_t i = from; i + 1 < levels.loss.size(); ++i) {
    if (levels.gap(i) <= 0) continue;  // nothing to take the logarithm of; the claim on the order says so
    x.push_back(levels.abscissa(i));
    y.push_back(levels.gap(i));
    relative.push_back(levels.gap_error(i) / levels.gap(i));
  }
  return x.size() < 2 ? Slope{std::nan(""), 0} : log_slope(x, y, relative);
}

/// Slope of log(A + C/N) over the paper's N, A + C/N through the two largest of all N.
double loss_slope_of_theory(const Levels& levels, double shift_in_errors) {
  const std::size_t last = levels.loss.size() - 1, before = last - 1;
  const double c = (levels.gap(before) + shift_in_errors * levels.gap_error(before)) * levels.abscissa(before);
  const double a = levels.loss.back().mean - c / levels.agents.back();
  std::vector<double> x, y;
  for (std::size_t i = 0; i < last; ++i) {
    x.push_back(levels.agents[i]);
    y.push_back(a + c / levels.agents[i]);
  }
  return log_slope(x, y, std::vector<double>(x.size(), 0.0)).value;
}

}  // namespace

void speed_up_panels(FigureReport& report, const std::vector<Setting>& settings,
                     const std::vector<std::int64_t>& agents, int repetitions, const std::string& title,
                     const std::string& reference) {
  Panel& losses = report.add_panel(title, "iteration k", "training loss, mean ± s.e.");
  losses.log_y = true;
  Levels levels;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    losses.curves.push_back(mean_curve(report, settings[i], repetitions));
    levels.agents.push_back(static_cast<double>(agents[i]));
    levels.loss.push_back(estimate(last_losses(report, settings[i], repetitions)));
  }
  const std::size_t last = settings.size() - 1;
  const std::string n_last = std::to_string(agents.back());
  Panel& gaps = report.add_panel("Gap to the loss of N = " + n_last, "1/(1/N − 1/" + n_last + ")",
                                 "gap of the last tenth, ± s.e.");
  gaps.log_x = gaps.log_y = true;
  Curve measured{"measured, N = 1 … " + std::to_string(agents[last - 1]), {}, {}, {}, "points", "base"};
  Curve theory{"C/N, slope −1, through the largest N", {}, {}, {}, "dashed", "theory"};
  for (std::size_t i = 0; i < last; ++i) {
    measured.x.push_back(levels.abscissa(i));
    measured.y.push_back(levels.gap(i));
    measured.error.push_back(levels.gap_error(i));
    theory.x.push_back(levels.abscissa(i));
    theory.y.push_back(levels.gap(last - 1) * levels.abscissa(last - 1) / levels.abscissa(i));
  }
  gaps.curves = {measured, theory};

  const bool ordered = std::is_sorted(levels.loss.rbegin(), levels.loss.rend(),
                                      [](const Estimate& a, const Estimate& b) { return a.mean < b.mean; });
  report.claim({"more agents, lower loss (1: ordered over all N)", reference, ordered ? 1.0 : 0.0, 0, 1, 0, "=",
                concat("means of the last tenth, ", repetitions, " repetitions")});
  const std::string law =
      "E f = A + C/N at every k (transient and stationary term); 0.1 for the next order in 1/N, 3 s.e.";
  for (const std::size_t from : {std::size_t{0}, last - 2}) {
    const Slope fit = gap_slope(levels, from);
    report.claim(
        {concat("slope of log gap to N = ", n_last, " against log N, N = ", agents[from], " … ", agents[last - 1]),
         reference, fit.value, fit.error, -1, 0.1 + 3 * fit.error, "=", law});
  }
  std::vector<double> x(levels.agents.begin(), levels.agents.end() - 1), y, relative;
  for (std::size_t i = 0; i < last; ++i) {
    y.push_back(levels.loss[i].mean);
    relative.push_back(levels.loss[i].error / levels.loss[i].mean);
  }
  const Slope plotted = log_slope(x, y, relative);
  const double predicted = loss_slope_of_theory(levels, 0);
  const double spread = std::abs(loss_slope_of_theory(levels, 1) - predicted);
  report.claim({concat("slope of the plotted log loss itself, N = 1 … ", agents[last - 1], ", against that of A + C/N"),
                reference, plotted.value, plotted.error, predicted,
                0.1 * std::abs(predicted) + 3 * std::hypot(plotted.error, spread), "=",
                "A and C from the two largest N; a tenth for the next order in 1/N, 3 s.e. of both slopes"});
}

}  // namespace tersegrad
