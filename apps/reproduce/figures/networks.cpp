#include "apps/reproduce/figures/networks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

TrainConfig network_config(const std::string& network, const std::string& compressor, const std::string& noise,
                           std::int64_t agents, double lr, std::int64_t steps, std::int64_t samples) {
  TrainConfig config =
      figure_config(network, network == "resnet" ? "cifar10" : "mnist", compressor, noise, agents, lr, steps);
  config.samples = samples;
  return config;
}

std::vector<FigureRun> repeat(const std::vector<Setting>& settings, int repetitions) {
  std::vector<FigureRun> runs;
  for (int r = 0; r < repetitions; ++r) {
    std::uint64_t series = 0;
    for (const auto& setting : settings) {
      TrainConfig config = setting.config;
      config.seed = 1000 * ++series + static_cast<std::uint64_t>(r);
      runs.push_back({concat(setting.name, "-", r), config});
    }
  }
  return runs;
}

Curve mean_curve(FigureReport& report, const Setting& setting, int repetitions) {
  Curve curve{setting.label, {}, {}, {}, "line", setting.group};
  std::size_t records = std::numeric_limits<std::size_t>::max();
  for (int r = 0; r < repetitions; ++r) {
    const auto& run = report.run(concat(setting.name, "-", r));
    if (run.iteration().size() < records) {
      records = run.iteration().size();  // a diverged run ends early: the mean does as well
      curve.x = run.iteration();
    }
  }
  for (std::size_t i = 0; i < records; ++i) {
    std::vector<double> losses;
    for (int r = 0; r < repetitions; ++r) losses.push_back(report.run(concat(setting.name, "-", r)).series("loss")[i]);
    const Estimate at = estimate(losses);
    curve.y.push_back(at.mean);
    curve.error.push_back(at.error);
  }
  return curve;
}

std::vector<double> last_losses(FigureReport& report, const Setting& setting, int repetitions) {
  std::vector<double> losses;
  for (int r = 0; r < repetitions; ++r) {
    const auto& run = report.run(concat(setting.name, "-", r));
    losses.push_back(run.diverged() ? std::numeric_limits<double>::infinity()
                                    : mean_from(run, "loss", 0.9 * run.iteration().back()));
  }
  return losses;
}

Estimate late_fall(FigureReport& report, const Setting& setting, int repetitions) {
  std::vector<double> falls;
  for (int r = 0; r < repetitions; ++r) {
    const auto& run = report.run(concat(setting.name, "-", r));
    if (run.diverged()) return {std::numeric_limits<double>::infinity(), 0};
    const double last = run.iteration().back(), from = 2 * last / 3, middle = 5 * last / 6;
    const auto& loss = run.series("loss");
    double sums[2] = {0, 0}, counts[2] = {0, 0};
    for (std::size_t i = 0; i < loss.size(); ++i) {
      if (run.iteration()[i] < from) continue;
      const int half = run.iteration()[i] < middle ? 0 : 1;
      sums[half] += loss[i];
      ++counts[half];
    }
    falls.push_back(sums[0] / counts[0] - sums[1] / counts[1]);
  }
  return estimate(falls);
}

std::vector<double> late_growths(FigureReport& report, const Setting& setting, int repetitions) {
  std::vector<double> growths;
  for (int r = 0; r < repetitions; ++r) {
    const auto& run = report.run(concat(setting.name, "-", r));
    growths.push_back(
        run.diverged() ? std::numeric_limits<double>::infinity()
                       : std::log10(mean_from(run, "loss", run.iteration().back() / 2) / run.series("loss").front()));
  }
  return growths;
}

Claim growth_claim(Claim claim, const std::vector<double>& growths, bool converges) {
  const auto [least, most] = std::minmax_element(growths.begin(), growths.end());
  claim.text += converges ? ": converges (log10 late loss/first ≤ 0, the worst of "
                          : ": does not converge (log10 late loss/first ≥ 0, the best of ";
  claim.text += concat(growths.size(), ")");
  claim.relation = converges ? "<=" : ">=";
  claim.predicted = 0;
  claim.measured = converges ? *most : *least;
  std::vector<double> finite = growths;  // for the spread, a diverged repetition is a thousandfold loss
  if (std::isfinite(*least)) {
    for (double& growth : finite) growth = std::min(growth, 3.0);
  }
  const Estimate spread = estimate(finite);
  claim.error = spread.error;
  claim.z = chance_quantile(1, spread.degrees);
  claim.derivation =
      "worst (converges) or best (does not) repetition; s.e. and Student's z from the spread of the repetitions";
  return claim;
}

Estimate log_late_loss(FigureReport& report, const Setting& setting, int repetitions) {
  std::vector<double> logs;
  for (int r = 0; r < repetitions; ++r) {
    const auto& run = report.run(concat(setting.name, "-", r));
    logs.push_back(run.diverged() ? std::numeric_limits<double>::infinity()
                                  : std::log10(mean_from(run, "loss", run.iteration().back() / 2)));
  }
  return estimate(logs);
}

}  // namespace tersegrad
