// Figure 9 (Appendix F.7): the stationary laws of DCSGD (Prop. B.13) and DSignSGD (Prop. C.16) on a quadratic.
#include <cmath>
#include <limits>

#include "apps/figure.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text.hpp"
#include "tersegrad/theory/sign_lattice.hpp"
#include "tersegrad/theory/stationary.hpp"

namespace tersegrad {
namespace {

// F.7: H = diag(2, 1, …, 1) in ten dimensions, σ = 0.1. Left: Rand-3, η = 0.01, 1,000 steps, 50,000 repetitions.
// Right: η = 0.001, 10,000 steps, 5,000 repetitions. Silent on N and the start: N = 3 as in F.9, and x = 0.05 for the
// left. The right starts at 0.02, inside |Y| = λx/σ < 1 for all coordinates: C.16 is the law of phase 3.
const char* const landscape = "quadratic:2,1x9";
constexpr std::int64_t agents = 3;
constexpr double sigma = 0.1, start_left = 0.05, start_right = 0.02;

std::vector<FigureRun> runs(Scale) {
  auto left = landscape_config(landscape, "randk:3", "gaussian:0.1", agents, 0.01, 1000, 50000);
  auto right = landscape_config(landscape, "sign", "gaussian:0.1", agents, 0.001, 10000, 5000);
  left.start = std::to_string(start_left);
  right.start = std::to_string(start_right);
  return {{"dcsgd", left}, {"dsignsgd", right}};
}

QuadraticSettings settings(double lr) {
  QuadraticSettings s;
  s.curvature = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  s.lr = lr;
  s.agents = agents;
  s.noise = NoiseScales(std::numeric_limits<double>::infinity(), sigma);
  return s;
}

/// Mean of E x² over replicas of a coordinate: variance plus squared mean.
std::vector<double> second_moment(const RunRecord& run, int j) {
  auto second = run.series(concat("x", j, "_var"));
  const auto& mean = run.series(concat("x", j, "_mean"));
  for (std::size_t i = 0; i < second.size(); ++i) second[i] += mean[i] * mean[i];
  return second;
}

/// Largest deviation over time of measured from predicted second moments, relative to the largest prediction, and the
/// standard error where it occurs (x nearly Gaussian: √2·E x²/√R).
struct Deviation {
  double largest = 0, error = 0;
};
Deviation compare(const RunRecord& run, const std::vector<double>& measured, const std::function<double(double)>& predicted) {
  Deviation worst;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const double expected = predicted(run.iteration()[i]), off = std::abs(measured[i] / expected - 1);
    if (off > worst.largest) worst = {off, std::sqrt(2 / run.replicas())};
  }
  return worst;
}

void side(FigureReport& report, const std::string& name, const std::string& title, double lr, double start, const MomentLaw& law,
          const std::function<double(int, double)>& exact, const std::string& proposition) {
  const RunRecord& run = report.run(name);
  Panel& panel = report.add_panel(title, "iteration k", "E[x_j²] over repetitions");
  panel.log_y = true;
  for (const int j : {0, 1}) {
    const auto measured = second_moment(run, j);
    const std::string which = j == 0 ? "λ = 2" : "λ = 1";
    panel.curves.push_back({which + ", measured", run.iteration(), measured, {}, "line", which});
    const auto sde = [&](double k) { return law.second(static_cast<std::size_t>(j), start, k * lr); };
    panel.curves.push_back(prediction(run, sde, which + ", " + proposition, which));
    const auto of_sde = compare(run, measured, sde);
    report.claim({concat("largest relative error of E x² over time, ", which), proposition, of_sde.largest, of_sde.error, 0,
                  lr * 2 + 4.5 * of_sde.error, "<=",
                  "SDE error of order η·λ_max plus 4.5 standard errors (200 correlated times)"});
    const auto of_exact = compare(run, measured, [&](double k) { return exact(j, k); });
    report.claim({concat("the same against the exact discrete moments, ", which), "own", of_exact.largest, of_exact.error, 0,
                  4.5 * of_exact.error, "<=", "4.5 standard errors (200 correlated times)"});
  }
}

void draw(Scale, FigureReport& report) {
  const auto left = settings(0.01), right = settings(0.001);
  const double omega = 10.0 / 3 - 1;
  const auto recursion = dcsgd_recursion(left, omega);
  side(report, "dcsgd", "DCSGD, Rand-3", 0.01, start_left, dcsgd_law(left, omega),
       [&](int j, double k) { return recursion.second(static_cast<std::size_t>(j), start_left, std::llround(k)); }, "Prop. B.13");
  // The lattice gives every step on the way: it is advanced once, and asked at the records.
  std::map<int, std::map<std::int64_t, double>> lattice;
  for (const int j : {0, 1}) {
    SignLattice law(right, j, start_right);
    for (const double k : report.run("dsignsgd").iteration()) {
      law.advance(std::llround(k) - law.steps());
      lattice[j][std::llround(k)] = law.second();
    }
  }
  side(report, "dsignsgd", "DSignSGD", 0.001, start_right, sign_law(right),
       [&](int j, double k) { return lattice[j].at(std::llround(k)); }, "Prop. C.16");
}

const FigureRegistration registration{
    "fig9",
    {"Figure 9: second moments of DCSGD and DSignSGD on a quadratic",
     "F.7 is silent on N and the start: N = 3 (as in F.9); x = 0.05 for DCSGD, 0.02 for DSignSGD (inside phase 3).", nullptr, runs,
     draw}};

}  // namespace
}  // namespace tersegrad
