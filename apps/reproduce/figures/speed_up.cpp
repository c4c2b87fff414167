#include <algorithm>
#include <cmath>
#include <functional>

#include "apps/reproduce/figures/networks.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"

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

/// Slope of log gap against log abscissa over entries [from, size − 1). NaN if a gap is not positive: it has no
/// logarithm, and to leave it out would choose among the measurements.
double gap_slope(const Levels& levels, std::size_t from) {
  std::vector<double> x, y;
  for (std::size_t i = from; i + 1 < levels.loss.size(); ++i) {
    if (!(levels.gap(i) > 0)) return std::nan("");
    x.push_back(levels.abscissa(i));
    y.push_back(levels.gap(i));
  }
  return log_slope(x, y, std::vector<double>(x.size(), 0.0)).value;
}

/// Slopes of the log loss itself over the paper's N: measured, and that of A + C/N through the two largest of all N.
struct LossSlopes {
  double measured, theory;
};
LossSlopes loss_slopes(const Levels& levels) {
  const std::size_t last = levels.loss.size() - 1, before = last - 1;
  const double c = levels.gap(before) * levels.abscissa(before);
  const double a = levels.loss.back().mean - c / levels.agents.back();
  std::vector<double> x, y, theory;
  for (std::size_t i = 0; i < last; ++i) {
    x.push_back(levels.agents[i]);
    y.push_back(levels.loss[i].mean);
    theory.push_back(a + c / levels.agents[i]);
  }
  const std::vector<double> exact(x.size(), 0.0);
  return {log_slope(x, y, exact).value, log_slope(x, theory, exact).value};
}

/// A function of the levels with the standard error that theirs give it, all at once: levels that several terms share
/// count as what they are. Degrees of freedom by Welch and Satterthwaite.
Estimate propagate(const std::function<double(const Levels&)>& f, const Levels& levels) {
  const double value = f(levels);
  double variance = 0, spread = 0;
  for (std::size_t i = 0; i < levels.loss.size(); ++i) {
    const double error = levels.loss[i].error;
    if (!(error > 0)) continue;
    Levels up = levels, down = levels;
    up.loss[i].mean += 0.1 * error;
    down.loss[i].mean -= 0.1 * error;
    const double part = (f(up) - f(down)) / 0.2;
    variance += part * part;
    spread += part * part * part * part / levels.loss[i].degrees;
  }
  return {value, std::sqrt(variance), spread > 0 ? variance * variance / spread : levels.loss.front().degrees};
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

  std::vector<Estimate> rising(levels.loss.rbegin(), levels.loss.rend());
  std::vector<std::string> names;
  for (auto n = agents.rbegin(); n != agents.rend(); ++n) names.push_back(concat("N = ", *n));
  report.claim(rising_claim({.text = "more agents, lower loss: the least step between two N",
                             .reference = reference,
                             .derivation = concat("means of the last tenth, ", repetitions,
                                                  " repetitions, Student's t; as many comparisons as steps")},
                            rising, names));
  const auto slope_claim = [&](const std::string& text, double predicted, double resolution, const std::string& how,
                               const std::function<double(const Levels&)>& slope) {
    const Estimate fit = propagate(slope, levels);
    report.claim({.text = text,
                  .reference = reference,
                  .measured = fit.mean,
                  .error = fit.error,
                  .predicted = predicted,
                  .resolution = resolution,
                  .derivation = how,
                  .z = chance_quantile(1, fit.degrees)});
  };
  for (const std::size_t from : {std::size_t{0}, last - 2}) {
    slope_claim(
        concat("slope of log gap to N = ", n_last, " against log N, N = ", agents[from], " … ", agents[last - 1]), -1,
        0.25,
        "E f = A + C/N at every k, to second order in the fluctuations; resolution: half the distance of slope −1 "
        "from −½",
        [from](const Levels& at) { return gap_slope(at, from); });
  }
  slope_claim(concat("slope of the plotted log loss, N = 1 … ", agents[last - 1], ", less that of A + C/N"), 0,
              std::abs(loss_slopes(levels).theory) / 2,
              "A and C from the two largest N; resolution: half the distance of their slope from no speed-up",
              [](const Levels& at) { return loss_slopes(at).measured - loss_slopes(at).theory; });
}

}  // namespace tersegrad
