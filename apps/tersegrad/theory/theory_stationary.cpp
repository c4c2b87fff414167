// tersegrad theory stationary: Propositions B.13 and C.16 beside the algorithm's own moments.
#include <cmath>

#include "apps/tersegrad/theory/theory.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/laws/sign_lattice.hpp"
#include "tersegrad/theory/laws/stationary.hpp"

namespace tersegrad {
namespace {

/// Runs of coordinates with the same curvature, noise and start, as (first, last).
std::vector<std::pair<std::size_t, std::size_t>> groups(const QuadraticSettings& q, const std::vector<double>& start) {
  std::vector<std::pair<std::size_t, std::size_t>> all;
  for (std::size_t j = 0; j < q.curvature.size(); ++j) {
    const auto at = static_cast<std::int64_t>(j);
    const bool same = j > 0 && q.curvature[j] == q.curvature[j - 1] && start[j] == start[j - 1] &&
                      q.noise.scale(0, at) == q.noise.scale(0, at - 1);
    if (same) {
      all.back().second = j;
    } else {
      all.emplace_back(j, j);
    }
  }
  return all;
}

std::string label(std::pair<std::size_t, std::size_t> group) {
  return group.first == group.second ? concat(group.first) : concat(group.first, "-", group.second);
}

int run_stationary(int argc, char** argv) {
  cxxopts::Options options("tersegrad theory stationary",
                           "Variances of the iterates on a quadratic: the SDE's law and the algorithm's own, exactly");
  add_run_options(options, "dsgd, dcsgd or dsignsgd");
  options.add_options("Times")("steps",
                               "also the moments after so many steps from the landscape's start; 0: only the limit",
                               cxxopts::value<std::string>()->default_value("0"));
  bool done = false;
  const auto result = parse_options(options, argc, argv, done);
  if (done) return 0;
  const auto run = read_run(result, {"dsgd", "dcsgd", "dsignsgd"}, true);
  const auto steps = integer_option(result, "steps", 0, 1'000'000'000);
  QuadraticSettings q{run.objective->curvature(), run.lr, run.agents, run.batch, run.noise};
  TERSEGRAD_CHECK(!q.curvature.empty(), "'", run.objective->name(),
                  "' is no quadratic (the stationary law needs f = half x'Hx, diagonal H)");
  const auto start = run.objective->start();
  const bool sign = run.method == "dsignsgd";
  const auto law = sign ? sign_law(q) : dcsgd_law(q, run.omega);

  Report report;
  describe(report, run);
  std::vector<double> sde, exact, sde_now, exact_now;
  for (std::size_t j = 0; j < q.curvature.size(); ++j) sde.push_back(law.stationary(j));
  const double t = static_cast<double>(steps) * run.lr;
  if (sign) {
    exact = sign_stationary(q);
    if (steps > 0) exact_now = sign_moments(q, start, steps).second;
  } else {
    const auto recursion = dcsgd_recursion(q, run.omega);
    double lowest_sde = 0, lowest_exact = 0;
    for (std::size_t j = 0; j < q.curvature.size(); ++j) {
      exact.push_back(recursion.stationary(j));
      if (steps > 0) exact_now.push_back(recursion.second(j, start[j], steps));
      lowest_sde = std::max(lowest_sde, 1 / dcsgd_sde_lr_limit(q.curvature[j], q.agents, run.omega));
      lowest_exact = std::max(lowest_exact, 1 / dcsgd_exact_lr_limit(q.curvature[j], q.agents, run.omega));
    }
    report.add("lr_limit_sde", 1 / lowest_sde, "learning rate past which the SDE diverges, 2N/(omega L)");
    report.add("lr_limit_exact", 1 / lowest_exact, "learning rate past which the algorithm does, 2N/(L(N + omega))");
    if (run.lr >= 1 / lowest_exact)
      report.warn("the learning rate is past the algorithm's limit: its second moment grows without bound");
  }
  if (steps > 0) {
    for (std::size_t j = 0; j < q.curvature.size(); ++j) sde_now.push_back(law.second(j, start[j], t));
  }
  report.add("loss_sde", quadratic_loss(q.curvature, sde),
             sign ? "stationary expected loss, phase-3 SDE (Proposition C.16)"
                  : "stationary expected loss, SDE (Proposition B.13)");
  report.add("loss_exact", quadratic_loss(q.curvature, exact),
             sign ? "of the algorithm, from its exact law" : "of the algorithm, from its exact recursion");
  if (steps > 0) {
    report.add("step", static_cast<double>(steps), "the moments below are also of this step");
    report.add("loss_sde_at_step", quadratic_loss(q.curvature, sde_now), "expected loss then, SDE");
    report.add("loss_exact_at_step", quadratic_loss(q.curvature, exact_now), "expected loss then, algorithm");
  }
  std::vector<std::string> columns = {"coordinates",  "curvature",      "sigma",
                                      "variance_sde", "variance_exact", "exact/sde"};
  if (steps > 0) columns.insert(columns.end(), {"second_moment_sde", "second_moment_exact"});
  report.columns(columns);
  for (const auto& group : groups(q, start)) {
    const std::size_t j = group.first;
    std::vector<Report::Value> cells = {label(group), q.curvature[j], run.noise.scale(0, static_cast<std::int64_t>(j)),
                                        sde[j],       exact[j],       exact[j] / sde[j]};
    if (steps > 0) cells.insert(cells.end(), {sde_now[j], exact_now[j]});
    report.row(std::move(cells));
  }
  report.print(result.count("json") > 0);
  return 0;
}

const CatalogueEntry<TheoryCommand> registration{"stationary", {"variances on a quadratic: the SDE's law and the algorithm's own",
    run_stationary}};

}  // namespace
}  // namespace tersegrad
