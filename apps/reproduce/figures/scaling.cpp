#include "apps/reproduce/figures/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

constexpr double end_of_axis = 1e3;  // where the box plot shows a diverged run

std::vector<Setting> settings_of(const std::vector<ScaledRun>& rules, const ScalingPanel& panel) {
  std::vector<Setting> all;
  for (const auto& rule : rules) {
    auto config =
        network_config(panel.network, rule.compressor, "gaussian:" + std::to_string(panel.sigma * rule.sigma_factor),
                       rule.agents, panel.lr * rule.lr_factor, panel.steps, panel.samples);
    config.noise_batch = rule.batch;
    all.push_back({panel.network + "-" + rule.name, rule.label, rule.group, config});
  }
  return all;
}

/// |last loss − base| of each repetition.
std::vector<double> errors_of(FigureReport& report, const Setting& setting, const ScalingPanel& panel, double base) {
  auto errors = last_losses(report, setting, panel.repetitions);
  for (double& error : errors) error = std::abs(error - base);
  return errors;
}

/// Why a follower of another speed need not be where the base run is; empty if it must.
std::string moving_base(const Estimate& fall, double base, double error_of_follower) {
  if (fall.mean <= 2 * fall.error || fall.mean <= 0.1 * error_of_follower) return "";
  return concat("the base run is not stationary: in the last third its loss, ", format_number(base, 3),
                " at the end, still falls by ", format_number(fall.mean, 2), " ± ", format_number(fall.error, 1),
                "; the follower's error is ", format_number(error_of_follower, 2));
}

void draw_panel(FigureReport& report, const std::vector<ScaledRun>& rules, const ScalingPanel& panel) {
  const auto settings = settings_of(rules, panel);
  Panel& losses = report.add_panel(panel.title, "iteration k", "training loss, mean ± s.e.");
  losses.log_y = true;
  Panel& boxes = report.add_panel(panel.title + ": last iterates", "", "|last loss − base run's mean|");
  boxes.log_y = true;
  Estimate base, fall;
  for (const auto& setting : settings) {
    losses.curves.push_back(mean_curve(report, setting, panel.repetitions));
    if (setting.group != "base") continue;
    base = estimate(last_losses(report, setting, panel.repetitions));
    fall = late_fall(report, setting, panel.repetitions);
  }
  for (const auto& setting : settings) {
    auto errors = errors_of(report, setting, panel, base.mean);
    for (double& error : errors) error = std::min(error, end_of_axis);
    boxes.boxes.push_back({setting.label, errors, setting.group});
  }
  TERSEGRAD_ASSERT(settings.front().group == "base", "the first run is not the base run");
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const Setting& follower = settings[i];
    if (follower.group != "follows") continue;
    const auto low = errors_of(report, follower, panel, base.mean);
    std::vector<std::pair<std::string, std::vector<double>>> breakers;
    for (const auto& breaker : settings) {
      if (breaker.group == "breaks") breakers.emplace_back(breaker.label, errors_of(report, breaker, panel, base.mean));
    }
    Claim claim = rank_claim(low, breakers);
    const Claim control = rank_claim(errors_of(report, settings.front(), panel, base.mean), breakers);
    claim.text = concat(panel.title, ": error of ", follower.label, " below every breaker's (p, ", claim.text, ")");
    claim.reference = panel.reference;
    if (rules[i].speed() != 1) claim.unmet = moving_base(fall, base.mean, estimate(low).mean);
    if (control.verdict() != Verdict::holds) {
      claim.unmet +=
          concat(claim.unmet.empty() ? "" : "; ", "the control: the base run's own errors are not below those of ",
                 control.text, " (p = ", format_number(control.measured, 2), ")");
    }
    report.claim(claim);
  }
}

}  // namespace

double ScaledRun::speed() const {
  return lr_factor * (compressor == "sign" ? std::sqrt(static_cast<double>(batch)) / sigma_factor : 1);
}

std::vector<FigureRun> scaling_runs(const std::vector<ScaledRun>& rules, const std::vector<ScalingPanel>& panels) {
  std::vector<FigureRun> all;
  for (const auto& panel : panels) {
    const auto some = repeat(settings_of(rules, panel), panel.repetitions);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void draw_scaling(FigureReport& report, const std::vector<ScaledRun>& rules, const std::vector<ScalingPanel>& panels) {
  for (const auto& panel : panels) draw_panel(report, rules, panel);
}

Claim rank_claim(const std::vector<double>& low,
                 const std::vector<std::pair<std::string, std::vector<double>>>& breakers) {
  Claim claim{.text = {}, .predicted = 0.05, .relation = "<=", .opposite = 1.0};
  for (const auto& [name, high] : breakers) {
    const double p = mann_whitney(low, high);
    if (p >= claim.measured) {
      claim.text = name;
      claim.measured = p;
    }
    const double reverse = mann_whitney(high, low) * static_cast<double>(breakers.size());
    claim.opposite = std::min(*claim.opposite, reverse);
  }
  claim.derivation =
      concat("exact one-sided Mann–Whitney test, ", low.size(), " independent repetitions each, the largest p of ",
             breakers.size(), "; fails if the reverse test has p ≤ 0.05 (times the number of breakers)");
  return claim;
}

double mann_whitney(const std::vector<double>& low, const std::vector<double>& high) {
  // counts[u]: in how many of the C(m + n, n) orders U = u, by the recursion over who is last.
  const std::size_t m = low.size(), n = high.size();
  const std::vector<std::vector<double>> row(n + 1, std::vector<double>(m * n + 1, 0.0));
  std::vector<std::vector<std::vector<double>>> ways(m + 1, row);
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
  // U: pairs in which the one meant to be low is not below; ties and NaN count against it.
  std::size_t observed = 0;
  for (const double x : low) {
    for (const double y : high) observed += !(x < y);
  }
  double below = 0, all = 0;
  for (std::size_t u = 0; u <= m * n; ++u) {
    all += ways[m][n][u];
    if (u <= observed) below += ways[m][n][u];
  }
  return below / all;
}

}  // namespace tersegrad
