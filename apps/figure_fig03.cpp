// Figure 3 (Appendix F.3): DSignSGD under the bounds of its three phases; more agents, lower loss.
#include <cmath>
#include <limits>

#include "apps/figure.hpp"
#include "apps/figure_networks.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/sign_bounds.hpp"

namespace tersegrad {
namespace {

// F.3, left: H = diag(2) (read as the one-dimensional f = x²), N = 12, η = 0.001, σ = 0.1, 800 steps, 100 repetitions.
// Silent on the start: x = 0.4, where |Y| = 2x/σ = 8 is far in phase 1 (ψ at 1 % is 2.58), so that 800 steps pass all
// three phases. Right: ViT, σ = 1, η = 0.01, N = 1 … 16, 3 repetitions; steps unsaid: 1,000. Quick takes a fifth of η
// and of σ: the drift η/σ of phase 3 stays the paper's, and fluctuations of η√(k/N) a coordinate stay small beside the
// weights.
constexpr double sigma = 0.1, lambda = 2, start = 0.4, lr = 0.001;
/// The paper's N, and many agents that stand for N = ∞.
const std::vector<std::int64_t> counts = {1, 2, 4, 8, 16, 64};

std::vector<Setting> settings(Scale scale) {
  std::vector<Setting> all;
  const bool paper = scale == Scale::paper;
  for (const auto n : counts) {
    const std::string name = concat("N = ", n);
    all.push_back({concat("vit-n", n), name, name,
                   network_config("vit", "sign", paper ? "gaussian:1" : "gaussian:0.2", n, paper ? 0.01 : 0.002,
                                  paper ? 1000 : 300, paper ? 0 : 256)});
  }
  return all;
}

std::vector<FigureRun> runs(Scale scale) {
  auto bound = landscape_config("quadratic:2", "sign", "gaussian:0.1", 12, lr, 800, 100);
  bound.start = "0.4";
  bound.log_every = 1;
  auto all = repeat(settings(scale), 3);
  all.insert(all.begin(), {"bound", bound});
  return all;
}

void bounds(FigureReport& report) {
  const RunRecord& run = report.run("bound");
  Panel& panel = report.add_panel("Bounds of Theorem 3.12", "iteration k", "f(x_k), mean of 100");
  panel.log_y = true;
  SignSettings s;
  s.student = student_constants(std::numeric_limits<double>::infinity(), 0.01);
  s.mu = s.smoothness = s.trace = lambda;
  s.lr = lr;
  s.agents = 12;
  s.sigma_h1 = sigma;
  s.sigma_h2 = sigma * sigma;
  const double gap = 0.5 * lambda * start * start;
  // A phase's bound starts from the loss at which the phase does: |Y| = λ|x|/σ is ψ, then 1.
  const auto loss_at = [](double y) { return 0.5 * lambda * (y * sigma / lambda) * (y * sigma / lambda); };
  const auto begins = [&](double y) {
    const auto& loss = run.series("loss");
    std::size_t i = 0;
    while (i + 1 < loss.size() && loss[i] > loss_at(y)) ++i;
    return i;
  };
  const std::size_t second = begins(s.student.psi), third = begins(1);
  panel.curves.push_back(loss_curve(run, "DSignSGD", "base"));
  const auto error = run.loss_error();
  const auto& k = run.iteration();
  const auto add = [&](const std::string& label, const std::string& style, std::size_t from, std::size_t to,
                       const std::function<double(double)>& f) {
    Curve curve{label, {}, {}, {}, style, label.substr(0, 7)};
    double worst = 0;
    for (std::size_t i = from; i < to; ++i) {
      curve.x.push_back(k[i]);
      curve.y.push_back(f(lr * (k[i] - k[from])));
      worst = std::max(worst, (run.series("loss")[i] - 3 * error[i]) / curve.y.back());
    }
    panel.curves.push_back(curve);
    return worst;
  };
  const std::string how = "a bound within its phase: loss − 3 s.e.; the SDE's O(η) in a step of η on x is 2η/x";
  const auto claim = [&](const std::string& text, double worst) {
    report.claim({text + ": largest loss − 3 s.e. over the bound", "Thm 3.12", worst, 0, 1, 0.02, "<=", how});
  };
  claim("phase 1, tight ¼(√(2µ)t − 2√S_0)²", add("phase 1: ¼(√(2µ)t − 2√S_0)²", "dashed", 0, second, [&](double t) {
          return sign_phase1_bound(lambda, gap, t);
        }));
  claim("phase 1, printed ¼(√µt − 2√S_0)²", add("phase 1, printed", "dotted", 0, second, [&](double t) {
          return sign_phase1_bound(lambda, gap, t, PhaseOne::printed);
        }));
  const double at_two = run.series("loss")[second], at_three = run.series("loss")[third];
  const auto two = sign_phase2_bound(s, at_two), two_printed = sign_phase2_bound(s, at_two, Intercept::printed);
  claim("phase 2, with q_1", add("phase 2: with q_ν,1", "dashed", second, third, [&](double t) { return two.at(t); }));
  claim("phase 2, printed q̂",
        add("phase 2, printed: q̂_ν", "dotted", second, third, [&](double t) { return two_printed.at(t); }));
  const auto three = sign_phase3_bound(s, at_three), chord = sign_phase3_bound(s, at_three, Line::chord);
  claim("phase 3, ℓ_ν as printed",
        add("phase 3: ℓ_ν", "dotted", third, k.size(), [&](double t) { return three.at(t); }));
  claim("phase 3, chord 2Ξ_ν(1)",
        add("phase 3: 2Ξ_ν(1)", "dashed", third, k.size(), [&](double t) { return chord.at(t); }));
}

const FigureRegistration registration{
    "fig3",
    {"Figure 3: DSignSGD's bounds and linear speed-up",
     "F.3 is silent on the start (x = 0.4), the dimension (1: H = diag(2)) and the ViT's steps (1,000). N = 64 is "
     "ours: it stands for N = ∞. Phase 2 is drawn with q_ν,1 and as printed; at these settings the two are one line.",
     [](Scale scale) -> std::string {
       if (scale == Scale::paper) return "";
       return "the ViT has 256 images (paper: 60,000), 300 steps (1,000), η = 0.002 and σ = 0.2 (0.01 and 1).";
     },
     runs,
     [](Scale scale, FigureReport& report) {
       bounds(report);
       speed_up_panels(report, settings(scale), counts, 3, "More agents, ViT on MNIST", "Figure 3, right");
     }}};

}  // namespace
}  // namespace tersegrad
