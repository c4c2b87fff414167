// Figure 1 (Appendix F.1): the SDEs' mean trajectories are those of the algorithms.
#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/figure.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text.hpp"
#include "tersegrad/theory/student_constants.hpp"

namespace tersegrad {
namespace {

// (a) DSGD, Rosenbrock(1, 100), η = 0.001, σ = 100, N = 10, 10,000 steps, 5,000 repetitions. Silent on the start; with
//     η·L at the usual (−1.2, 1) above 2 the discrete steps diverge from there at once, so it starts at (0, 0).
// (b) DCSGD, Rand-1, embedded saddle (λ = ξ = 1), η = 0.1, σ = 10, 1,000 steps, 5,000 repetitions. Silent on N: 10, as
// in
//     (a) and (c). Start (0, 0) is the saddle itself: (0.5, 0.5).
// (c) DSignSGD, H = diag(5, 5), coordinate noise σ_i = 0.01·(1 + i), i = 0, 1 (the print counts in Python), η = 0.001,
//     N = 10, 3,000 steps, 5,000 repetitions. Start x = 1.
// (d) DCSGD, Rand-1000 of 1,502, MLP of 10 layers on Breast Cancer, σ = 0.0001, η = 0.1, N = 3, 30,000 steps, 3 runs.
// The gap between the means is O(η): C is estimated by halving η with twice the steps.
struct Case {
  const char* name;
  const char* landscape;
  const char* compressor;
  const char* noise;
  double lr;
  std::int64_t steps;
  const char* start;
};
const Case cases[] = {{"dsgd", "rosenbrock", "none", "gaussian:100", 0.001, 10000, "0,0"},
                      {"dcsgd", "saddle", "randk:1", "gaussian:10", 0.1, 1000, "0.5,0.5"},
                      {"dsignsgd", "quadratic:5,5", "sign", "gaussian:0.01:growth=1", 0.001, 3000, "1,1"}};

TrainConfig network(int repetition, std::int64_t sde) {
  TrainConfig config;
  config.model = "mlp";
  config.dataset = "breast-cancer";
  config.batch = 0;
  config.exchange = "allgather";
  config.compressor = "randk:1000";
  config.noise = "gaussian:0.0001";
  config.agents = 3;
  config.lr = 0.1;
  config.steps = 30000;
  config.seed = static_cast<std::uint64_t>(repetition) + 1;
  config.log_every = config.steps / 200;
  config.sde = sde;
  return config;
}

std::vector<FigureRun> runs(Scale) {
  std::vector<FigureRun> all;
  for (const auto& c : cases) {
    for (const int halved : {0, 1}) {
      for (const int sde : {0, 1}) {
        auto config = landscape_config(c.landscape, c.compressor, c.noise, 10, halved ? c.lr / 2 : c.lr,
                                       halved ? 2 * c.steps : c.steps, 5000);
        config.start = c.start;
        if (std::string(c.name) == "dsignsgd") config.log_every = 3;  // phases 2 and 3 take some tens of steps
        config.sde = sde;
        config.seed = static_cast<std::uint64_t>(1 + sde);
        all.push_back({concat(c.name, sde ? "-sde" : "", halved ? "-half" : ""), config});
      }
    }
  }
  for (int repetition = 0; repetition < 3; ++repetition) {
    all.push_back({concat("mlp-", repetition), network(repetition, 0)});
    all.push_back({concat("mlp-sde-", repetition), network(repetition, 1)});
  }
  return all;
}

/// A mean over repetitions and its standard error at one record.
struct Mean {
  double value, error;
};
Mean mean_of(const RunRecord& run, int j, std::size_t i) {
  const double left = run.replicas() - run.series("diverged_replicas")[i];
  if (j < 0) return {run.series("loss")[i], run.loss_error()[i]};
  return {run.series(concat("x", j, "_mean"))[i], std::sqrt(run.series(concat("x", j, "_var"))[i] / left)};
}

/// The largest |gap| of the two means over time in units of what chance and O(η) allow: 4.5 standard errors of the gap
/// (400 looks), and C·η = twice the gap (with its 4.5 standard errors) at half the step.
double allowed_gaps(FigureReport& report, const std::string& name, int j) {
  const auto &algorithm = report.run(name), &sde = report.run(name + "-sde"), &half = report.run(name + "-half"),
             &half_sde = report.run(name + "-sde-half");
  double worst = 0;
  for (std::size_t i = 1; i < algorithm.iteration().size(); ++i) {
    // Records at k of η and at 2k of η/2: the same t.
    const double k = algorithm.iteration()[i];
    const auto& halves = half.iteration();
    const auto near = static_cast<std::size_t>(
        std::min_element(halves.begin(), halves.end(),
                         [&](double a, double b) { return std::abs(a - 2 * k) < std::abs(b - 2 * k); }) -
        halves.begin());
    const Mean a = mean_of(algorithm, j, i), b = mean_of(sde, j, i), ha = mean_of(half, j, near),
               hb = mean_of(half_sde, j, near);
    const double error = std::hypot(a.error, b.error), half_error = std::hypot(ha.error, hb.error);
    const double allowed = 4.5 * error + 2 * (std::abs(ha.value - hb.value) + 4.5 * half_error);
    worst = std::max(worst, std::abs(a.value - b.value) / allowed);
  }
  return worst;
}

void landscape_panel(FigureReport& report, const Case& c, const std::string& title) {
  const RunRecord &run = report.run(c.name), &sde = report.run(std::string(c.name) + "-sde");
  Panel& panel = report.add_panel(title, "iteration k", "mean over 5,000 repetitions");
  panel.log_x = true;
  panel.curves.push_back(loss_curve(run, "f(x_k)", "f"));
  Curve f = loss_curve(sde, "f(X_t), SDE", "f");
  f.style = "dashed";
  f.error.clear();
  panel.curves.push_back(f);
  for (const int j : {0, 1}) {
    const std::string name = concat("x", j, "_mean");
    panel.curves.push_back(curve_of(run, name, concat("x_", j), name));
    Curve predicted = curve_of(sde, name, concat("X_", j, ", SDE"), name);
    predicted.style = "dashed";
    panel.curves.push_back(predicted);
  }
  for (const int j : {-1, 0, 1}) {
    const std::string what = j < 0 ? "f" : concat("x_", j);
    report.claim({concat(title, ": largest gap of mean ", what, " over 4.5 s.e. + Cη"), "Figure 1",
                  allowed_gaps(report, c.name, j), 0, 1, 0,
                  "<=", "C from halving η; 4.5 standard errors for 200 correlated times"});
  }
  double lost = 0;
  for (const char* which : {"", "-sde"})
    lost = std::max(lost, report.run(std::string(c.name) + which).series("diverged_replicas").back());
  report.claim({concat(title, ": repetitions (algorithm or SDE) that diverged, of 5,000"), "Figure 1", lost, 0, 0, 0,
                "=", "the paper speaks of none; means are over the others"});
}

/// DSignSGD's phases, each from the measured E x_0 at which it begins: phase 1's ODE, phase 2's bounds on dE X/dt
/// (−mY − q_2 and −mY − q_1, Prop. C.11), phase 3's E X' = −ℓ_ν Y; Y = λx/σ with λ = 5, σ = 0.01.
void phases_panel(FigureReport& report, const Case& c) {
  const RunRecord& run = report.run(c.name);
  const auto constants = student_constants(std::numeric_limits<double>::infinity(), 0.01);
  const double ratio = 5 / 0.01;
  const auto& x = run.series("x0_mean");
  const auto& k = run.iteration();
  std::size_t second = 0, third = 0, end = 0;
  while (second + 1 < x.size() && ratio * x[second] > constants.psi) ++second;
  third = second;
  while (third + 1 < x.size() && ratio * x[third] > 1) ++third;
  end = third;
  while (end + 1 < x.size() && x[end] > 1e-5) ++end;
  Panel& panel = report.add_panel("DSignSGD's phases near the minimum", "iteration k", "E x_0");
  panel.log_y = true;
  const std::size_t first = second > 60 ? second - 60 : 0;
  Curve measured{"measured",
                 {k.begin() + static_cast<std::ptrdiff_t>(first), k.begin() + static_cast<std::ptrdiff_t>(end)},
                 {x.begin() + static_cast<std::ptrdiff_t>(first), x.begin() + static_cast<std::ptrdiff_t>(end)},
                 {},
                 "line",
                 "base"};
  panel.curves.push_back(measured);
  // E X' = −rate·X − shift from record `from` on. \return the largest relative distance from the measured mean
  const auto add = [&](const std::string& label, std::size_t from, std::size_t to, double rate, double shift,
                       const std::string& style) {
    Curve curve{label, {}, {}, {}, style, label.substr(0, 7)};
    double largest = 0;
    for (std::size_t i = from; i < to; ++i) {
      const double t = c.lr * (k[i] - k[from]);
      curve.x.push_back(k[i]);
      curve.y.push_back(rate > 0 ? (x[from] + shift / rate) * std::exp(-rate * t) - shift / rate : x[from] - shift * t);
      largest = std::max(largest, std::abs(x[i] - curve.y.back()) / x[from]);
    }
    panel.curves.push_back(curve);
    return largest;
  };
  const double error = std::sqrt(run.series("x0_var")[third] / run.replicas()) / x[third];
  const double one = add("phase 1: dX = −sign(∇f)dt", first, second, 0, 1, "dashed");
  add("phase 2: −mY − q_2 (lower)", second, third, constants.slope * ratio, constants.intercept2, "dotted");
  add("phase 2: −mY − q_1 (upper)", second, third, constants.slope * ratio, constants.intercept1, "dotted");
  const double three = add("phase 3: −ℓ_ν Y", third, end, constants.ell * ratio, 0, "dashed");
  report.claim({"phase 1: largest gap of E x_0 from the ODE, relative to its start", "Prop. 3.11", one, error, 0,
                0.01 + 4.5 * error, "<=", "1 %: the tolerance of ψ_ν; 4.5 standard errors"});
  report.claim({"phase 3: largest gap of E x_0 from e^(−ℓY), relative to its start", "Prop. 3.11", three, error, 0,
                1 - 2 * (constants.at_one / 2) / constants.ell + 4.5 * error,
                "<=", "2Ξ(1)/ℓ is 0.86: the linear drift is off by at most that at |Y| = 1"});
}

void network_panel(FigureReport& report) {
  Panel& panel =
      report.add_panel("DCSGD, MLP of 10 layers, Breast Cancer", "iteration k", "training loss, mean of 3 runs ± s.d.");
  panel.log_y = true;
  const auto add = [&](const std::string& prefix, const std::string& label, const std::string& style) {
    Curve curve{label, report.run(prefix + "0").iteration(), {}, {}, style, style == "line" ? "algorithm" : "SDE"};
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      double sum = 0, squares = 0;
      for (int r = 0; r < 3; ++r) {
        const double loss = report.run(concat(prefix, r)).series("loss")[i];
        sum += loss / 3;
        squares += loss * loss / 3;
      }
      curve.y.push_back(sum);
      curve.error.push_back(std::sqrt(std::max(0.0, 1.5 * (squares - sum * sum))));
    }
    panel.curves.push_back(curve);
    return curve;
  };
  const Curve algorithm = add("mlp-", "DCSGD", "line"), sde = add("mlp-sde-", "SDE", "dashed");
  double worst = 0;
  for (std::size_t i = 0; i < algorithm.y.size(); ++i)
    worst = std::max(worst, std::abs(std::log(algorithm.y[i] / sde.y[i])));
  double spread = 0;
  for (std::size_t i = 0; i < algorithm.y.size(); ++i)
    spread = std::max(spread, std::hypot(algorithm.error[i] / algorithm.y[i], sde.error[i] / sde.y[i]));
  report.claim({"MLP: largest gap of log mean loss", "Figure 1, bottom right", worst, spread / std::sqrt(3.0), 0,
                3 * spread / std::sqrt(3.0),
                "<=", "three standard errors from three runs each, the largest over time"});
}

void draw(Scale, FigureReport& report) {
  landscape_panel(report, cases[0], "DSGD, Rosenbrock");
  landscape_panel(report, cases[1], "DCSGD, embedded saddle");
  landscape_panel(report, cases[2], "DSignSGD, quadratic");
  phases_panel(report, cases[2]);
  network_panel(report);
}

const FigureRegistration registration{
    "fig1",
    {"Figure 1: the SDEs against the algorithms",
     "F.1 is silent on starts: (0, 0), (0.5, 0.5), (1, 1), and on N in (b): 10. In (c) σ_i = 0.01(1 + i) counts "
     "coordinates from 0. Means do not depend on where Σ̃ of Rand-k is misprinted (off its diagonal): Figure 9 shows "
     "that.",
     nullptr, runs, draw}};

}  // namespace
}  // namespace tersegrad
