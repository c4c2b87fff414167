#include "apps/figure_networks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

TrainConfig network_config(const std::string& network, const std::string& compressor, const std::string& noise,
                           std::int64_t agents, double lr, std::int64_t steps, std::int64_t samples) {
  TrainConfig config;
  config.model = network;
  config.dataset = network == "resnet" ? "cifar10" : "mnist";
  config.batch = 0;
  config.exchange = "allgather";  // no rank without agents: the figures run on as many ranks as there are cores
  config.compressor = compressor;
  config.noise = noise;
  config.agents = agents;
  config.lr = lr;
  config.steps = steps;
  config.samples = samples;
  config.log_every = std::max<std::int64_t>(1, steps / 200);
  return config;
}

std::vector<FigureRun> repeat(const std::vector<Setting>& settings, int repetitions) {
  std::vector<FigureRun> runs;
  for (int r = 0; r < repetitions; ++r) {
    for (const auto& setting : settings) {
      TrainConfig config = setting.config;
      config.seed = static_cast<std::uint64_t>(r) + 1;
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
    double sum = 0, squares = 0;
    for (int r = 0; r < repetitions; ++r) {
      const double loss = report.run(concat(setting.name, "-", r)).series("loss")[i];
      sum += loss;
      squares += loss * loss;
    }
    const double n = repetitions, mean = sum / n;
    curve.y.push_back(mean);
    curve.error.push_back(n > 1 ? std::sqrt(std::max(0.0, (squares / n - mean * mean) / (n - 1))) : 0);
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

double worst_growth(FigureReport& report, const Setting& setting, int repetitions) {
  double worst = 0;
  const auto last = last_losses(report, setting, repetitions);
  for (int r = 0; r < repetitions; ++r) {
    worst = std::max(worst, last[static_cast<std::size_t>(r)] / report.run(concat(setting.name, "-", r)).series("loss").front());
  }
  return worst;
}

void speed_up_panel(FigureReport& report, const std::vector<Setting>& settings, const std::vector<std::int64_t>& agents,
                    int repetitions, const std::string& title, const std::string& reference) {
  Panel& panel = report.add_panel(title, "iteration k", "training loss, mean ± s.e.");
  panel.log_y = true;
  std::vector<double> level, error;
  for (const auto& setting : settings) {
    panel.curves.push_back(mean_curve(report, setting, repetitions));
    double sum = 0, squares = 0;
    for (const double loss : last_losses(report, setting, repetitions)) {
      sum += loss;
      squares += loss * loss;
    }
    const double n = repetitions, mean = sum / n;
    level.push_back(mean);
    error.push_back(std::sqrt(std::max(0.0, (squares / n - mean * mean) / (n - 1))));
  }
  const bool ordered = std::is_sorted(level.rbegin(), level.rend());
  report.claim({"ViT: more agents, lower loss (1: ordered over all N)", reference, ordered ? 1.0 : 0.0, 0, 1, 0, "=",
                concat("mean of the last tenth, ", repetitions, " repetitions")});
  const double last = static_cast<double>(agents.back());
  std::vector<double> x, y, relative;
  for (std::size_t i = 0; i + 1 < level.size(); ++i) {
    if (level[i] <= level.back()) continue;  // no gap to take the logarithm of; the claim above says so
    x.push_back(1 / (1 / static_cast<double>(agents[i]) - 1 / last));
    y.push_back(level[i] - level.back());
    relative.push_back(std::hypot(error[i], error.back()) / y.back());
  }
  if (x.size() < 2) return;
  const Slope fit = log_slope(x, y, relative);
  report.claim({concat("slope of log (loss − loss of N = ", agents.back(), ") against log N"), reference, fit.value, fit.error, -1,
                0.1 + 3 * fit.error, "=", "c/N to second order in the fluctuations; 0.1 for the O(1/N²) term, 3 standard errors"});
}

double mann_whitney(const std::vector<double>& low, const std::vector<double>& high) {
  // counts[u]: in how many of the C(m + n, n) orders U = u, by the recursion over who is last.
  const std::size_t m = low.size(), n = high.size();
  std::vector<std::vector<std::vector<double>>> ways(m + 1, std::vector<std::vector<double>>(n + 1, std::vector<double>(m * n + 1, 0.0)));
  for (std::size_t a = 0; a <= m; ++a) {
    for (std::size_t b = 0; b <= n; ++b) {
      for (std::size_t u = 0; u <= m * n; ++u) {
        if (a == 0 || b == 0) {
          ways[a][b][u] = u == 0 ? 1 : 0;
        } else {
          ways[a][b][u] = ways[a][b - 1][u] + (u >= b ? ways[a - 1][b][u - b] : 0);
        }
      }
    }
  }
  // U: pairs in which the one meant to be low is not below; ties count against it.
  std::size_t observed = 0;
  for (const double x : low) {
    for (const double y : high) observed += x >= y;
  }
  double below = 0, all = 0;
  for (std::size_t u = 0; u <= m * n; ++u) {
    all += ways[m][n][u];
    if (u <= observed) below += ways[m][n][u];
  }
  return below / all;
}

void scaling_panels(FigureReport& report, const std::vector<Setting>& settings, int repetitions, const std::string& title,
                    const std::string& reference) {
  Panel& losses = report.add_panel(title, "iteration k", "training loss, mean ± s.e.");
  losses.log_y = true;
  for (const auto& setting : settings) losses.curves.push_back(mean_curve(report, setting, repetitions));
  Panel& boxes = report.add_panel(title + ": last iterates", "", "|last loss − mean last loss of the base run|");
  boxes.log_y = true;
  double base = 0;
  for (const auto& setting : settings) {
    if (setting.group != "base") continue;
    for (const double loss : last_losses(report, setting, repetitions)) base += loss / repetitions;
  }
  std::vector<std::vector<double>> follows, breaks;
  std::vector<std::string> follow_names, break_names;
  for (const auto& setting : settings) {
    if (setting.group == "base") continue;
    auto errors = last_losses(report, setting, repetitions);
    for (double& error : errors) error = std::abs(error - base);
    (setting.group == "follows" ? follows : breaks).push_back(errors);
    (setting.group == "follows" ? follow_names : break_names).push_back(setting.label);
    for (double& error : errors) error = std::min(error, 1e3);  // a diverged run has to have a place on the axis
    boxes.boxes.push_back({setting.label, errors, setting.group});
  }
  for (std::size_t f = 0; f < follows.size(); ++f) {
    double largest = 0;
    std::string against;
    for (std::size_t b = 0; b < breaks.size(); ++b) {
      const double p = mann_whitney(follows[f], breaks[b]);
      if (p >= largest) against = break_names[b];
      largest = std::max(largest, p);
    }
    report.claim({concat(title, ": error of ", follow_names[f], " below every breaker's (p against ", against, ")"), reference, largest, 0,
                  0.05, 0, "<=", concat("exact one-sided Mann–Whitney test, ", repetitions, " against ", repetitions, " repetitions")});
  }
}

}  // namespace tersegrad
