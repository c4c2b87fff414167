// Figure 10 (Appendix F.8): Top-k fails under heavy tails, Top-k of the normalised gradient does not.
#include <cmath>

#include "apps/figure_networks.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

// F.8 gives the ResNet on CIFAR-10, ν ∈ {1, 2, 3, 8, 64, ∞} and, on the axis, 1,000 iterations; nothing else. Chosen: k
// = d/10, N = 3 and η = 0.01 as in F.5, σ = 1e-4 as there, 3 repetitions; the normalised gradient has norm 1, so its η
// is 0.1.
const std::vector<std::string> nus = {"1", "2", "3", "8", "64", "inf"};
constexpr int repetitions = 3;

std::vector<Setting> settings(Scale scale, bool normalised) {
  const bool paper = scale == Scale::paper;
  std::vector<Setting> all;
  for (const auto& nu : nus) {
    const std::string label = nu == "inf" ? "ν = ∞" : "ν = " + nu;
    all.push_back({concat(normalised ? "ntopk" : "topk", "-nu", nu), label, label,
                   network_config("resnet", normalised ? "ntopk:0.1" : "topk:0.1", concat("student:", nu, ":1e-4"), 3,
                                  normalised  ? 0.1
                                      : paper ? 0.01
                                              : 0.05,
                                  paper ? 1000 : 60, paper ? 0 : 32)});
  }
  return all;
}

std::vector<FigureRun> runs(Scale scale) {
  auto all = repeat(settings(scale, false), repetitions);
  const auto more = repeat(settings(scale, true), repetitions);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void draw(Scale scale, FigureReport& report) {
  const auto plain = settings(scale, false), normalised = settings(scale, true);
  for (const auto& [all, title] :
       {std::pair{&plain, "Top-k, ResNet on CIFAR-10"}, {&normalised, "Top-k of the normalised gradient"}}) {
    Panel& panel = report.add_panel(title, "iteration k", "training loss, mean ± s.e.");
    panel.log_y = true;
    for (const auto& setting : *all) panel.curves.push_back(mean_curve(report, setting, repetitions));
  }
  report.claim({"Top-k at ν = 1 fails: late loss over the first", "Figure 10, left",
                worst_growth(report, plain.front(), repetitions), 0, 1.5, 0,
                ">=", "diverged, or the loss grew by half"});
  report.claim({"Top-k at ν = ∞ does not: late loss over the first", "Figure 10, left",
                worst_growth(report, plain.back(), repetitions), 0, 1, 0, "<=", "the loss falls"});
  double worst = 0;
  for (const auto& setting : normalised) worst = std::max(worst, worst_growth(report, setting, repetitions));
  report.claim({"normalised Top-k at every ν: largest late loss over the first", "Figure 10, right", worst, 0, 1.05, 0,
                "<=", "does not grow by more than 5 %"});
}

const FigureRegistration registration{
    "fig10",
    {"Figure 10: Top-k under heavy tails, and of the normalised gradient",
     "F.8 gives no k, N, η, σ: k = d/10, N = 3, η = 0.01 (0.1 normalised), σ = 1e-4, 3 repetitions.",
     [](Scale scale) -> std::string {
       return scale == Scale::paper ? "" : "32 images (paper: 50,000), 60 steps (1,000), η = 0.05 for Top-k (0.01).";
     },
     runs, draw}};

}  // namespace
}  // namespace tersegrad
