// tersegrad compare: finished (or unfinished) runs side by side, as tables, JSON or a plot.
#include <cmath>
#include <iostream>

#include <nlohmann/json.hpp>

#include "apps/command.hpp"
#include "apps/compare_run.hpp"
#include "apps/launch_script.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/spec.hpp"
#include "tersegrad/core/text.hpp"

namespace tersegrad {
namespace {

constexpr const char* unknown = "—";

/// Every run with the record at which its smoothed loss reaches one common value.
struct Comparison {
  std::vector<ComparedRun> runs;
  std::size_t window = 1;             // records averaged over
  double target = not_known;          // the loss to reach; NaN: no run has a finite loss
  std::vector<double> best;           // each run's smallest smoothed loss
  std::vector<std::size_t> reaching;  // record index; the run's number of records: never
};

Comparison make_comparison(std::vector<ComparedRun> runs, double wanted_loss) {
  Comparison all;
  all.runs = std::move(runs);
  all.window = smoothing_window(all.runs);
  std::vector<std::vector<double>> smoothed;
  for (const auto& run : all.runs) {
    smoothed.push_back(trailing_mean(run.loss, all.window));
    all.best.push_back(smallest(smoothed.back()));
    if (!(all.target >= all.best.back()) && std::isfinite(all.best.back())) all.target = all.best.back();
  }
  if (std::isfinite(wanted_loss)) all.target = wanted_loss;
  for (const auto& curve : smoothed) all.reaching.push_back(first_reaching(curve, all.target));
  return all;
}

/// The curve's value where the run reaches the target; NaN if it never does or has no such curve.
double at_target(const Comparison& all, std::size_t run, const std::vector<double>& curve) {
  return all.reaching[run] < curve.size() ? curve[all.reaching[run]] : not_known;
}

std::string show(double value, std::string text) { return std::isnan(value) ? unknown : std::move(text); }
std::string bytes(double value) { return show(value, format_bytes(value)); }
std::string seconds(double value) { return show(value, format_duration(value)); }
std::string number(double value, int digits = 4) { return show(value, format_number(value, digits)); }
std::string times(double value) { return std::isfinite(value) ? format_number(value, 3) + "×" : unknown; }

void print_tables(const Comparison& all, std::ostream& out) {
  const std::string goal = "to loss " + number(all.target);
  TextTable learning({"learning", "compressor", "steps", "loss first → last", "best loss", "test accuracy", goal});
  TextTable traffic({"bytes per agent", "up/step", "down/step", "fewer up", "fewer in all", "whole run", goal});
  TextTable time({"time", "per step", "compute", "compress", "exchange", "apply", "other", "whole run", goal});
  bool unfinished = false, mixed = false;
  for (std::size_t i = 0; i < all.runs.size(); ++i) {
    const ComparedRun& run = all.runs[i];
    const std::string name = run.name + (run.finished ? "" : " *");
    unfinished = unfinished || !run.finished;
    mixed = mixed || run.model != all.runs[0].model || run.dataset != all.runs[0].dataset;
    const std::string last = format_number(run.loss_last, 4) + (run.diverged ? " (diverged)" : "");
    const double steps = at_target(all, i, run.step);
    learning.add({name, run.compressor.empty() ? unknown : run.compressor, number(run.steps, 9),
                  format_number(run.loss_first, 4) + " → " + last, number(all.best[i]), number(run.test_accuracy),
                  show(steps, number(steps, 9) + " steps")});
    traffic.add({name, bytes(run.uplink_per_step), bytes(run.downlink_per_step), times(run.savings_uplink()),
                 times(run.savings_both()), bytes(run.total_bytes), bytes(at_target(all, i, run.traffic))});
    time.add({name, seconds(run.step_s()), seconds(run.compute_s), seconds(run.compress_s), seconds(run.exchange_s),
              seconds(run.apply_s), seconds(std::max(0.0, run.other_s())), seconds(run.time_s),
              seconds(at_target(all, i, run.time))});
  }
  out << learning.str() << "\n" << traffic.str() << "\n" << time.str() << "\n";
  out << "Losses to reach and best losses are means over " << all.window
      << (all.window == 1 ? " record" : " records in a row") << " (2 % of the shortest run).\n"
      << "Fewer: than dense fp32, 4 bytes a parameter each way. Other: evaluation, logging, waiting.\n";
  if (mixed) out << "These runs differ in model or data set: their losses do not compare.\n";
  if (unfinished) out << "* not finished: still going on, or stopped before its end.\n";
}

void print_json(const Comparison& all, std::ostream& out) {
  using Json = nlohmann::ordered_json;
  Json json{{"loss_to_reach", all.target}, {"smoothing_records", all.window}, {"runs", Json::array()}};
  for (std::size_t i = 0; i < all.runs.size(); ++i) {
    const ComparedRun& run = all.runs[i];
    json["runs"].push_back({{"name", run.name},
                            {"file", run.path.string()},
                            {"finished", run.finished},
                            {"diverged", run.diverged},
                            {"model", run.model},
                            {"dataset", run.dataset},
                            {"compressor", run.compressor},
                            {"exchange", run.exchange},
                            {"agents", run.agents},
                            {"steps", run.steps},
                            {"loss_first", run.loss_first},
                            {"loss_last", run.loss_last},
                            {"loss_best_smoothed", all.best[i]},
                            {"test_accuracy", run.test_accuracy},
                            {"uplink_bytes_per_step", run.uplink_per_step},
                            {"downlink_bytes_per_step", run.downlink_per_step},
                            {"dense_bytes_per_step", run.dense_per_step},
                            {"savings_uplink", run.savings_uplink()},
                            {"savings_both", run.savings_both()},
                            {"total_bytes", run.total_bytes},
                            {"time_total_s", run.time_s},
                            {"step_s", run.step_s()},
                            {"compute_s_per_step", run.compute_s},
                            {"compress_s_per_step", run.compress_s},
                            {"exchange_s_per_step", run.exchange_s},
                            {"apply_s_per_step", run.apply_s},
                            {"steps_to_loss", at_target(all, i, run.step)},
                            {"bytes_to_loss", at_target(all, i, run.traffic)},
                            {"time_s_to_loss", at_target(all, i, run.time)}});
  }
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

/// Loads all runs; those that cannot be are refused together, in one line.
std::vector<ComparedRun> load_all(const std::vector<std::string>& paths) {
  std::vector<ComparedRun> runs;
  std::vector<std::string> refusals;
  for (const auto& path : paths) {
    try {
      runs.push_back(load_compared_run(path));
    } catch (const Error& error) {
      refusals.push_back(error.what());
    }
  }
  TERSEGRAD_CHECK(refusals.empty(), join(refusals, "; "));
  name_runs(runs, paths);
  return runs;
}

int run(int argc, char** argv) {
  cxxopts::Options options("tersegrad compare",
                           "Runs side by side: loss, accuracy, bytes, time, and what it took to reach one loss.\n"
                           "RUN: an output folder, or its run.h5; a run that is not finished is marked *.");
  options.positional_help("RUN...").add_options()("h,help", "this text")("runs", "",
                                                                         cxxopts::value<std::vector<std::string>>())(
      "loss", "loss to reach (default: the worst of the runs' best smoothed losses, which every run reaches)",
      cxxopts::value<std::string>())("plot",
                                     "also draw loss against bytes, time and steps into this .png, .svg or .pdf",
                                     cxxopts::value<std::string>())("json", "print JSON instead of tables");
  options.parse_positional({"runs"});
  bool done = false;
  const auto given = parse_options(options, argc, argv, done);
  if (done) return 0;

  std::vector<std::string> paths;  // as typed: cxxopts would cut them at commas
  for (const auto& argument : given.arguments()) {
    if (argument.key() == "runs") paths.push_back(argument.value());
  }
  TERSEGRAD_CHECK(!paths.empty(), "compare needs at least one output folder; see tersegrad compare --help");
  double loss = not_known;
  if (given.count("loss")) {
    const auto text = given["loss"].as<std::string>();
    TERSEGRAD_CHECK(parse_real(text, loss) && std::isfinite(loss), "--loss is '", text, "' (must be a finite number)");
  }
  std::string plot;
  if (given.count("plot")) {
    plot = given["plot"].as<std::string>();
    const std::string suffix = std::filesystem::path(plot).extension().string();
    TERSEGRAD_CHECK(suffix == ".png" || suffix == ".svg" || suffix == ".pdf", "--plot is '", plot,
                    "' (must end in .png, .svg or .pdf)");
  }

  const Comparison all = make_comparison(load_all(paths), loss);
  if (given.count("json")) {
    print_json(all, std::cout);
  } else {
    print_tables(all, std::cout);
  }
  std::cout.flush();
  if (!plot.empty()) {
    std::vector<std::string> arguments{"--out", plot, "--smooth", std::to_string(all.window), "--"};
    arguments.insert(arguments.end(), paths.begin(), paths.end());
    run_python_script("plot", arguments);
    if (!given.count("json")) std::cout << "plot: " << plot << "\n";
  }
  return 0;
}

const CommandRegistration registration{"compare", "runs side by side: loss, accuracy, bytes, time", run};

}  // namespace
}  // namespace tersegrad
