// tersegrad theory bound: Theorems 3.3, 3.4, 3.7, 3.8, 3.12, 3.13 and C.13 for one run.
#include <cmath>
#include <limits>

#include "apps/tersegrad/theory/theory.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/theory/bounds/bounds.hpp"
#include "tersegrad/theory/bounds/nonconvex_bounds.hpp"
#include "tersegrad/theory/bounds/sign_bounds.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

cxxopts::Options declare() {
  const auto text = [] { return cxxopts::value<std::string>(); };
  cxxopts::Options options("tersegrad theory bound", "Bounds on the expected loss and gradient of a run");
  add_run_options(options, "dsgd, dcsgd or dsignsgd");
  options.add_options("Objective's constants (default: the landscape's)")
      ("dim", "coordinates d, where no landscape is given", text())
      ("L,smoothness", "L", text())
      ("mu", "Polyak-Lojasiewicz or strong-convexity constant; without it only the gradient is bounded", text())
      ("trace", "L_tau, bound on the trace of the Hessian (dsignsgd)", text())
      ("gap", "S_0 = f(x_0) - f*; a landscape's default is its starting point's", text());
  options.add_options("Times")
      ("steps", "last step of the table", text()->default_value("1000"))
      ("points", "rows of the table", text()->default_value("11"))
      ("decay", "exponent a of the schedule (1 + t/tau)^-a in the bounds on the gradient; 0: constant",
       text()->default_value("0"))
      ("tau", "tau of that schedule, in units of t = k eta", text()->default_value("1"))
      ("tolerance", "of psi_nu (phase 2)", text()->default_value("0.01"));
  return options;
}

/// µ = 0: not known, and no bound on the loss.
struct Constants {
  double smoothness = 0, mu = 0, trace = 0, gap = 0;
};

Constants read_constants(const cxxopts::ParseResult& result, const TheoryRun& run) {
  LandscapeConstants known;
  if (run.objective) known = run.objective->constants();
  const bool usable = run.objective && known.global;
  const auto take = [&](const char* name, double fallback) {
    if (result.count(name)) return real_option(result, name, 0, 1e300, true);
    TERSEGRAD_CHECK(usable, "--", name, " is missing (",
                    run.objective ? concat("'", run.objective->name(), "' has no global one")
                                  : std::string("no landscape is given"),
                    ")");
    return fallback;
  };
  Constants c;
  c.smoothness = take("smoothness", known.smoothness);
  if (run.objective || result.count("mu")) {
    c.mu = take("mu", run.method == "dsignsgd" ? known.convexity : known.pl);
    TERSEGRAD_CHECK(c.mu > 0, "H of '", run.objective->name(), "' is not positive definite (these bounds need mu > 0)");
    if (run.method == "dsignsgd") c.trace = take("trace", known.trace);
  }
  if (result.count("gap")) {
    c.gap = real_option(result, "gap", 0, 1e300);
  } else {
    TERSEGRAD_CHECK(run.objective, "--gap is missing (f(x_0) - f*; no landscape is given)");
    double value = 0;
    run.objective->values(std::span<const double>(run.objective->start()), std::span(&value, 1));
    c.gap = value - known.minimum;
  }
  return c;
}

using Phi = std::function<ScheduleIntegrals(double t)>;

void report_linear(Report& report, const TheoryRun& run, const Constants& c, const std::vector<std::int64_t>& steps,
                   const Phi& phi) {
  const LossSettings settings{c.smoothness, c.mu, run.lr, run.batch, run.agents};
  const auto means = AgentMeans::equal(run.noise.mean_trace(run.dim), run.omega);
  report.add("L_sigma", means.noise, "bound on the trace of an agent's noise covariance, at batch 1");
  Relaxation bound;
  if (c.mu > 0) {
    bound = dcsgd_bound(settings, means, c.gap);
    if (run.method == "dcsgd") {
      const double delta = dcsgd_contraction(settings, run.omega);
      report.add("delta", delta, "Delta of Theorem 3.7; the bound needs it positive");
      report.add("lr_limit", dcsgd_lr_limit(settings, run.omega),
                 "2 mu N / (L^2 omega), the learning rate at which Delta = 0");
      if (delta <= 0) {
        report.warn(concat("Delta = ", format_number(delta),
                           " is not positive: no bound, the run may diverge (lower --lr or omega, or add agents)"));
      }
    }
    report.add("rate", bound.rate * run.lr, "decay of the bound per step");
    report.add("limit", bound.limit(),
               concat("asymptotic bound on the loss (Theorem ", run.method == "dsgd" ? "3.3)" : "3.7)"));
  }
  std::vector<std::string> columns = {"step", "t", "gradient_bound"};
  if (c.mu > 0) columns.emplace_back("loss_bound");
  report.columns(columns);
  for (const auto k : steps) {
    const double t = static_cast<double>(k) * run.lr;
    std::vector<Report::Value> cells = {
        static_cast<double>(k), t, k == 0 ? infinity : dcsgd_gradient_bound(settings, means, c.gap, phi(t))};
    if (c.mu > 0) cells.emplace_back(bound.at(t));
    report.row(std::move(cells));
  }
}

void report_sign(Report& report, const TheoryRun& run, const Constants& c, double tolerance,
                 const std::vector<std::int64_t>& steps, const Phi& phi) {
  SignSettings s;
  s.student = student_constants(run.noise.nu(), tolerance);
  s.mu = c.mu;
  s.smoothness = c.smoothness;
  s.trace = c.trace;
  s.dim = run.dim;
  s.lr = run.lr;
  s.batch = run.batch;
  s.agents = run.agents;
  s.sigma_h1 = run.noise.harmonic_mean();
  s.sigma_h2 = run.noise.harmonic_mean_square();
  report.add("sigma_h1", s.sigma_h1, "harmonic mean of the agents' largest noise scales");
  report.add("phase2_weight", sign_gradient_bound2(s, c.gap, {1, 1}).weight,
             "of the 1-norm in phase 2's mixed bound, squared 2-norm + weight * 1-norm, with q_nu,1 (Theorem 3.13)");
  std::vector<std::string> columns = {"step", "t", "gradient_l1_phase1", "gradient_mixed_phase2", "gradient_sq_phase3"};
  Relaxation phase2, phase3, chord;
  if (c.mu > 0) {
    phase2 = sign_phase2_bound(s, c.gap);
    phase3 = sign_phase3_bound(s, c.gap);
    chord = sign_phase3_bound(s, c.gap, Line::chord);
    report.add("L_tau", c.trace, "bound on the trace of the Hessian");
    report.add("phase1_end", sign_phase1_end(c.mu, c.gap) / run.lr,
               "steps by which phase 1 has ended (printed: times sqrt 2)");
    report.add("phase2_limit", phase2.limit(), "asymptotic bound of phase 2, with q_nu,1 (Theorem 3.12, corrected)");
    report.add("phase2_limit_printed", sign_phase2_bound(s, c.gap, Intercept::printed).limit(),
               "the same with the print's q_nu,2: no bound");
    report.add("phase3_limit", phase3.limit(), "asymptotic bound of phase 3 (Theorem 3.12): exact for its linear SDE");
    report.add("phase3_limit_chord", chord.limit(),
               "the same with 2 Xi(1) for l_nu: holds for the full SDE while |Y| < 1");
    report.add("phase3_limit_pl", sign_pl_bound(s, c.gap, 3).limit(), "asymptotic bound of phase 3 (Theorem C.13)");
    report.add("phase3_rate", phase3.rate * run.lr, "decay of phase 3's bound per step");
    columns.insert(columns.end(), {"loss_phase1", "loss_phase2", "loss_phase3", "loss_phase3_chord"});
  }
  report.columns(columns);
  for (const auto k : steps) {
    const double t = static_cast<double>(k) * run.lr;
    std::vector<Report::Value> cells = {static_cast<double>(k), t, infinity, infinity, infinity};
    if (k > 0) {
      cells[2] = sign_gradient_bound1(c.gap, phi(t));
      cells[3] = sign_gradient_bound2(s, c.gap, phi(t)).bound;
      cells[4] = sign_gradient_bound3(s, c.gap, phi(t));
    }
    if (c.mu > 0) {
      cells.insert(cells.end(), {sign_phase1_bound(c.mu, c.gap, t), phase2.at(t), phase3.at(t), chord.at(t)});
    }
    report.row(std::move(cells));
  }
}

int run_bound(int argc, char** argv) {
  auto options = declare();
  bool done = false;
  const auto result = parse_options(options, argc, argv, done);
  if (done) return 0;
  const auto run = read_run(result, {"dsgd", "dcsgd", "dsignsgd"}, false);
  const auto constants = read_constants(result, run);
  const auto last = integer_option(result, "steps", 1, std::int64_t{1} << 48);
  const auto points = integer_option(result, "points", 2, 100000);
  const double decay = real_option(result, "decay", 0, 1e6), tau = real_option(result, "tau", 0, 1e300, true);
  std::vector<std::int64_t> steps;
  for (std::int64_t i = 0; i < points; ++i) {
    steps.push_back(std::llround(static_cast<double>(last) * static_cast<double>(i) / static_cast<double>(points - 1)));
  }
  const auto phi = [=](double t) { return power_schedule(decay, tau, t); };
  Report report;
  describe(report, run);
  report.add("L", constants.smoothness, "smoothness");
  if (constants.mu > 0) {
    report.add("mu", constants.mu, run.method == "dsignsgd" ? "strong convexity" : "Polyak-Lojasiewicz constant");
  }
  report.add("gap", constants.gap, "S_0 = f(x_0) - f*");
  if (run.method == "dsignsgd") {
    report_sign(report, run, constants, real_option(result, "tolerance", 0, 1, true), steps, phi);
  } else {
    report_linear(report, run, constants, steps, phi);
  }
  report.print(result.count("json") > 0);
  return 0;
}

const CatalogueEntry<TheoryCommand> registration{"bound", {"bounds on the expected loss and gradient", run_bound}};

}  // namespace
}  // namespace tersegrad
