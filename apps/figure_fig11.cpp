// Figure 11 (Appendix F.9): large and heavy-tailed noise on a quadratic, DCSGD against DSignSGD.
#include <cmath>
#include <limits>

#include "apps/figure.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text.hpp"
#include "tersegrad/theory/bounds.hpp"
#include "tersegrad/theory/sign_bounds.hpp"

namespace tersegrad {
namespace {

// F.9: H = I_10, N = 3, 100 repetitions; DCSGD Rand-1, η = 0.01; DSignSGD η = 0.001. σ² ∈ {1e-4, …, 1e4} Gaussian;
// ν ∈ {1, 2, 3, 8, 64, ∞} at σ = 0.1 (DCSGD) and 1 (DSignSGD). Silent on the start and the number of steps: x = 1, and
// 2,000 steps for DCSGD (t = 20 relaxation times of 1/2 each, as Δ = 0.985). DSignSGD relaxes at the rate ℓσ^−1 from
// t* = 2 on: its steps are 5,000 + 20,000·σ, which is 20 units and 16 relaxation times; for σ = 100 this is 2 million
// steps, so that run starts at x = 0.1, near its stationary spread, and takes a quarter of them.
const std::vector<double> sigmas = {0.01, 0.1, 1, 10, 100};
const std::vector<std::string> nus = {"1", "2", "3", "8", "64", "inf"};
constexpr double dim = 10, agents = 3;

std::string sigma2_text(double sigma) { return format_number(sigma * sigma); }

std::vector<FigureRun> runs(Scale) {
  std::vector<FigureRun> all;
  for (const double sigma : sigmas) {
    const std::string noise = "gaussian:" + format_number(sigma);
    auto dcsgd = landscape_config("quadratic:1x10", "randk:1", noise, 3, 0.01, 2000, 100);
    dcsgd.start = "1";
    all.push_back({"dcsgd-sigma" + format_number(sigma), dcsgd});
    const auto steps = static_cast<std::int64_t>(5000 + 20000 * std::min(sigma, 25.0));
    auto sign = landscape_config("quadratic:1x10", "sign", noise, 3, 0.001, steps, 100);
    sign.start = sigma > 25 ? "0.1" : "1";
    all.push_back({"sign-sigma" + format_number(sigma), sign});
  }
  for (const auto& nu : nus) {
    auto dcsgd = landscape_config("quadratic:1x10", "randk:1", "student:" + nu + ":0.1", 3, 0.01, 2000, 100);
    auto sign = landscape_config("quadratic:1x10", "sign", "student:" + nu + ":1", 3, 0.001, 25000, 100);
    dcsgd.start = sign.start = "1";
    all.push_back({"dcsgd-nu" + nu, dcsgd});
    all.push_back({"sign-nu" + nu, sign});
  }
  return all;
}

/// Of the second half of a run.
Level asymptotic(const RunRecord& run, double memory) { return late_level(run, run.iteration().back() / 2, memory); }

double dcsgd_prediction(double sigma) {
  return dcsgd_bound({1, 1, 0.01, 1, 3}, AgentMeans::equal(dim * sigma * sigma, 9), 0).limit();
}

/// Theorem 3.7's level at σ = 0.1: t_ν has variance ν/(ν − 2); none for ν ≤ 2.
double dcsgd_heavy_prediction(double nu) {
  if (nu <= 2) return std::nan("");
  return dcsgd_prediction(0.1 * std::sqrt(std::isfinite(nu) ? nu / (nu - 2) : 1));
}

SignSettings sign_settings(double sigma, double nu) {
  SignSettings s;
  s.student = student_constants(nu, 0.01);
  s.mu = s.smoothness = 1;
  s.trace = dim;
  s.dim = 10;
  s.lr = 0.001;
  s.agents = 3;
  s.sigma_h1 = sigma;
  s.sigma_h2 = sigma * sigma;
  return s;
}
double sign_prediction(double sigma, double nu) { return sign_phase3_bound(sign_settings(sigma, nu), 0).limit(); }

void large_noise(FigureReport& report, const std::string& method, const std::string& title, double slope,
                 const std::function<double(double)>& predicted, const std::function<double(double)>& memory,
                 const std::string& theorem, const std::vector<double>& fitted) {
  Panel& panel = report.add_panel(title, "iteration k", "f(x_k), mean over repetitions");
  panel.log_y = panel.log_x = true;
  std::vector<double> x, y, relative;
  for (const double sigma : sigmas) {
    const RunRecord& run = report.run(method + "-sigma" + format_number(sigma));
    const std::string group = "σ² = " + sigma2_text(sigma);
    panel.curves.push_back(loss_curve(run, group, group));
    panel.curves.push_back(prediction(
        run, [&](double) { return predicted(sigma); }, sigma == sigmas.front() ? "dashed: " + theorem : "", group));
    const Level level = asymptotic(run, memory(sigma));
    report.claim({concat("asymptotic loss over ", theorem, "'s, σ² = ", sigma2_text(sigma)), theorem,
                  level.mean / predicted(sigma), level.error / predicted(sigma), 1,
                  0.02 + 3 * level.error / predicted(sigma),
                  "<=", "a bound: not exceeded by more than 3 standard errors and the SDE's O(η) error"});
    if (std::find(fitted.begin(), fitted.end(), sigma) == fitted.end()) continue;
    x.push_back(sigma);
    y.push_back(level.mean);
    relative.push_back(level.error / level.mean);
  }
  const Slope fit = log_slope(x, y, relative);
  report.claim({concat("slope of log asymptotic loss against log σ, ", title), "Figure 11, top", fit.value, fit.error,
                slope, 0.02 + 3 * fit.error, "=", "3 standard errors, and 0.02 for the O(η) terms"});
}

double value_of(const std::string& nu) { return nu == "inf" ? std::numeric_limits<double>::infinity() : std::stod(nu); }

/// \param predicted the asymptotic level at ν; NaN where the theorem has none
void heavy_tails(FigureReport& report, const std::string& method, const std::string& title,
                 const std::function<double(double)>& predicted) {
  Panel& panel = report.add_panel(title, "iteration k", "f(x_k), mean over repetitions");
  panel.log_y = panel.log_x = true;
  for (const auto& nu : nus) {
    const std::string group = nu == "inf" ? "ν = ∞" : "ν = " + nu;
    const RunRecord& run = report.run(method + "-nu" + nu);
    panel.curves.push_back(loss_curve(run, group, group));
    const double level = predicted(value_of(nu));
    if (std::isfinite(level))
      panel.curves.push_back(prediction(
          run, [&](double) { return level; }, nu == "inf" ? "dashed: the theorem's level" : "", group));
  }
}

void draw(Scale, FigureReport& report) {
  large_noise(
      report, "dcsgd", "DCSGD, large noise", 2, dcsgd_prediction, [](double) { return 50.0; }, "Thm 3.7", sigmas);
  // 2Ξ is linear only where |Y| = |x|/σ < 1: below σ = 0.1 the stationary spread √(ησ) is no longer small beside σ.
  large_noise(
      report, "sign", "DSignSGD, large noise", 1,
      [](double sigma) { return sign_prediction(sigma, std::numeric_limits<double>::infinity()); },
      [](double sigma) { return 630 * sigma; }, "Thm 3.12", {1, 10, 100});
  heavy_tails(report, "dcsgd", "DCSGD, heavy tails, σ = 0.1", dcsgd_heavy_prediction);
  heavy_tails(report, "sign", "DSignSGD, heavy tails, σ = 1", [](double nu) { return sign_prediction(1, nu); });

  const double gaussian = mean_from(report.run("dcsgd-nuinf"), "loss", 1000);
  report.claim({"DCSGD at ν = 1: mean late loss over that of ν = ∞", "Figure 11, bottom left",
                mean_from(report.run("dcsgd-nu1"), "loss", 1000) / gaussian, 0, 1e3, 0,
                ">=", "\"diverges\": a loss a thousand times higher (a Cauchy's mean does not exist)"});
  report.claim({"DCSGD at ν = 2: largest late loss over the median one", "Figure 11, bottom left",
                burst(report.run("dcsgd-nu2")), 0, 3 * burst(report.run("dcsgd-nu8")), 0,
                ">=", "\"non-stationary\": bursts three times those of ν = 8"});
  for (const char* nu : {"8", "64", "inf"}) {  // those with a fourth moment, which a standard error needs
    const Level level = asymptotic(report.run(concat("dcsgd-nu", nu)), 50);
    const double predicted = dcsgd_heavy_prediction(value_of(nu));
    report.claim({concat("DCSGD asymptotic loss over Thm 3.7's, ν = ", nu), "Thm 3.7", level.mean / predicted,
                  level.error / predicted, 1, 0.02 + 3 * level.error / predicted,
                  "<=", "a bound: not exceeded by more than 3 standard errors and the SDE's O(η) error"});
  }
  double worst = 0;
  for (const auto& nu : nus) {
    const auto& run = report.run("sign-nu" + nu);
    worst = std::max(worst, mean_from(run, "loss", 12500) / run.series("loss").front());
  }
  report.claim({"DSignSGD at every ν: largest late loss over the first", "Figure 11, bottom right", worst, 0, 1, 0,
                "<=", "never diverges: the loss falls from its start"});
  double previous = 0;
  bool ordered = true;
  for (auto nu = nus.rbegin(); nu != nus.rend(); ++nu) {
    const double level = asymptotic(report.run("sign-nu" + *nu), 630).mean;
    ordered = ordered && level > previous * 0.99;
    previous = level;
  }
  report.claim({"DSignSGD: fatter tails, larger loss (1: ordered over all ν)", "Figure 11, bottom right",
                ordered ? 1.0 : 0.0, 0, 1, 0, "=", "each at least 0.99 of the next larger ν's"});
  for (const auto& nu : nus) {
    const Level level = asymptotic(report.run("sign-nu" + nu), 630);
    const double predicted = sign_prediction(1, value_of(nu));
    report.claim({concat("DSignSGD asymptotic loss over Thm 3.12's, ν = ", nu), "Thm 3.12", level.mean / predicted,
                  level.error / predicted, 1, 0.02 + 3 * level.error / predicted,
                  "<=", "a bound: not exceeded by more than 3 standard errors and the SDE's O(η) error"});
  }
}

const FigureRegistration registration{
    "fig11",
    {"Figure 11: large and heavy-tailed noise on a quadratic",
     "F.9 is silent on the start and the steps: x = 1 (0.1 for DSignSGD at σ = 100), 2,000 steps for DCSGD, 5,000 + "
     "20,000·σ for DSignSGD (at most 505,000). The bottom-left text says Gaussian and lists ν: read as Student's t.",
     nullptr, runs, draw}};

}  // namespace
}  // namespace tersegrad
