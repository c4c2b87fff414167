// tersegrad compare: finished (or unfinished) runs side by side, as tables, JSON or a plot.
#include <cmath>
#include <iostream>

#include <nlohmann/json.hpp>

#include "apps/common/command.hpp"
#include "apps/common/launch_script.hpp"
#include "apps/tersegrad/compare/compare_run.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/digits.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

constexpr const char* unknown = "—";

/// Every run with the record at which its smoothed loss reaches one common value.
struct Comparison {
  std::vector<ComparedRun> runs;
  double target = not_known;          // the loss to reach; NaN: no run has a finite loss
  std::vector<std::size_t> reaching;  // record index; the run's number of records: never
};

Comparison make_comparison(std::vector<ComparedRun> runs, double wanted_loss) {
  Comparison all;
  all.runs = std::move(runs);
  for (const auto& run : all.runs) {
    const double best = run.best_loss();
    if (!(all.target >= best) && std::isfinite(best)) all.target = best;
  }
  if (std::isfinite(wanted_loss)) all.target = wanted_loss;
  for (const auto& run : all.runs) all.reaching.push_back(first_reaching(run.smoothed, all.target));
  return all;
}

/// The curve's value where the run reaches the target; NaN if it never does or has no such curve.
double at_target(const Comparison& all, std::size_t run, const std::vector<double>& curve) {
  return all.reaching[run] < curve.size() ? curve[all.reaching[run]] : not_known;
}

std::string show(double value, std::string text) { return std::isnan(value) ? unknown : std::move(text); }
std::string or_unknown(std::string text) { return text.empty() ? unknown : text; }
std::string bytes(double value) { return show(value, format_bytes(value)); }
std::string seconds(double value) { return show(value, format_duration(value)); }
std::string number(double value, int digits = 4) { return show(value, format_number(value, digits)); }

/// Compressor, learning rate and batch, and whatever else the runs differ in.
TextTable option_table(const Comparison& all, const std::vector<std::string>& names) {
  const std::vector<std::string> differing = differing_options(all.runs);
  std::vector<std::string> heading{"options", "compressor", "lr", "batch"};
  heading.insert(heading.end(), differing.begin(), differing.end());
  TextTable table(heading);
  for (std::size_t i = 0; i < all.runs.size(); ++i) {
    std::vector<std::string> cells{names[i]};
    for (const std::string key : {"compressor", "lr", "batch"}) cells.push_back(or_unknown(option_text(all.runs[i], key)));
    for (const auto& key : differing) cells.push_back(or_unknown(option_text(all.runs[i], key)));
    table.add(std::move(cells));
  }
  return table;
}

void print_tables(const Comparison& all, std::ostream& out) {
  const std::string goal = "to loss " + number(all.target);
  bool unfinished = false, mixed = false, estimated = false, one_window = true;
  std::vector<std::string> names;
  for (const auto& run : all.runs) {
    names.push_back(run.name + (run.finished ? "" : " *") + (run.estimated ? " ~" : ""));
    unfinished = unfinished || !run.finished;
    estimated = estimated || run.estimated;
    mixed = mixed || run.model != all.runs[0].model || run.dataset != all.runs[0].dataset;
    one_window = one_window && run.window == all.runs[0].window;
  }
  TextTable learning({"learning", "steps", "loss first → last", "best loss", "test accuracy", goal});
  TextTable traffic({"bytes per agent", "up/step", "down/step", "fewer up", "fewer in all", "whole run", goal});
  TextTable time({"time", "per step", "compute", "compress", "exchange", "apply", "other", "whole run", goal});
  for (std::size_t i = 0; i < all.runs.size(); ++i) {
    const ComparedRun& run = all.runs[i];
    const std::string last = format_number(run.loss_last, 4) + (run.diverged ? " (diverged)" : "");
    const double steps = at_target(all, i, run.step), best = run.best_loss();
    learning.add({names[i], number(run.steps, 9), format_number(run.loss_first, 4) + " → " + last,
                  number(best) + (one_window ? "" : concat(" (", run.window, ")")), number(run.test_accuracy),
                  show(steps, number(steps, 9) + " steps")});
    traffic.add({names[i], bytes(run.uplink_per_step), bytes(run.downlink_per_step),
                 show(run.savings_uplink(), format_fewer(run.savings_uplink())),
                 show(run.savings_both(), format_fewer(run.savings_both())), bytes(run.total_bytes),
                 bytes(at_target(all, i, run.traffic))});
    time.add({names[i], seconds(run.step_s()), seconds(run.per_step(run.compute_s)),
              seconds(run.per_step(run.compress_s)), seconds(run.per_step(run.exchange_s)),
              seconds(run.per_step(run.apply_s)), seconds(std::max(0.0, run.other_s())), seconds(run.time_s),
              seconds(at_target(all, i, run.time))});
  }
  out << option_table(all, names).str() << "\n"
      << learning.str() << "\n"
      << traffic.str() << "\n"
      << time.str() << "\n";
  std::string notes =
      concat("Best losses, and losses to reach, are means over 2 % of a run's own steps (",
             one_window ? concat(all.runs[0].window, all.runs[0].window == 1 ? " step" : " steps") : "in brackets", ").\n",
             "Fewer: than dense fp32, 4 bytes a parameter each way. Other: logging, waiting. Evaluation is in no time.\n");
  if (mixed) notes += "These runs differ in model or data set: their losses do not compare.\n";
  if (unfinished) notes += "* not finished: still going on, or stopped before its end.\n";
  if (estimated) notes += "~ bytes and times estimated from the steps that an earlier version logged.\n";
  out << paragraph(notes, output_columns(), 2);
}

void print_json(const Comparison& all, std::ostream& out) {
  using Json = nlohmann::ordered_json;
  Json json{{"loss_to_reach", all.target}, {"runs", Json::array()}};
  for (std::size_t i = 0; i < all.runs.size(); ++i) {
    const ComparedRun& run = all.runs[i];
    Json options = Json::object();
    for (const auto& field : run.configuration) {
      std::visit([&](const auto& value) { options[field.key] = value; }, field.value);
    }
    json["runs"].push_back({{"name", run.name},
                            {"file", run.path.string()},
                            {"finished", run.finished},
                            {"diverged", run.diverged},
                            {"estimated", run.estimated},
                            {"model", run.model},
                            {"dataset", run.dataset},
                            {"compressor", run.compressor},
                            {"exchange", run.exchange},
                            {"agents", run.agents},
                            {"steps", run.steps},
                            {"loss_first", run.loss_first},
                            {"loss_last", run.loss_last},
                            {"loss_best_smoothed", run.best_loss()},
                            {"smoothing_steps", run.window},
                            {"test_accuracy", run.test_accuracy},
                            {"uplink_bytes_per_step", run.uplink_per_step},
                            {"downlink_bytes_per_step", run.downlink_per_step},
                            {"dense_bytes_per_step", run.dense_per_step},
                            {"uplink_header_bytes_per_step", run.uplink_header_per_step},
                            {"downlink_header_bytes_per_step", run.downlink_header_per_step},
                            {"savings_uplink", run.savings_uplink()},
                            {"savings_downlink", run.savings_downlink()},
                            {"savings_both", run.savings_both()},
                            {"total_bytes", run.total_bytes},
                            {"time_total_s", run.time_s},
                            {"time_compute_s", run.compute_s},
                            {"time_compress_s", run.compress_s},
                            {"time_exchange_s", run.exchange_s},
                            {"time_apply_s", run.apply_s},
                            {"step_s", run.step_s()},
                            {"compute_s_per_step", run.per_step(run.compute_s)},
                            {"compress_s_per_step", run.per_step(run.compress_s)},
                            {"exchange_s_per_step", run.per_step(run.exchange_s)},
                            {"apply_s_per_step", run.per_step(run.apply_s)},
                            {"steps_to_loss", at_target(all, i, run.step)},
                            {"bytes_to_loss", at_target(all, i, run.traffic)},
                            {"time_s_to_loss", at_target(all, i, run.time)},
                            {"options", std::move(options)}});
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
      "loss", "loss to reach (default: the worst of the runs' best losses, which every run reaches; a loss is here a mean over 2 % of "
      "its run's steps)",
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
    std::vector<std::string> arguments{"--out", plot, "--"};
    arguments.insert(arguments.end(), paths.begin(), paths.end());
    run_python_script("plot", arguments);
    if (!given.count("json")) std::cout << "plot: " << plot << "\n";
  }
  return 0;
}

const CatalogueEntry<Command> registration{"compare", {"runs side by side: loss, accuracy, bytes, time", run}};

}  // namespace
}  // namespace tersegrad
