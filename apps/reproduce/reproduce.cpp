// tersegrad reproduce: a figure of the paper by real runs, its claims with verdicts.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <map>

#include "apps/common/command.hpp"
#include "apps/common/launch_script.hpp"
#include "apps/common/program.hpp"
#include "apps/reproduce/figure.hpp"
#include "apps/reproduce/output.hpp"
#include "apps/reproduce/runs.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/comm/mpi/environment.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/launcher.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/data/readers/folder.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

struct Request {
  std::vector<std::string> names;
  Scale scale = Scale::quick;
  fs::path out;  ///< a figure goes to out/<figure>
  std::string data;
  std::int64_t ranks_per_run = 1;
  bool strict = false;
  bool verbose = false;  ///< on a terminal too: every column, a line a run
};

cxxopts::Options declare() {
  cxxopts::Options options(
      "tersegrad reproduce",
      "Reproduce a figure of the paper with real runs: figure.png and .svg, figure.h5, report.json, and a "
      "table of its claims.\nRun alone it starts its own MPI ranks. Interrupted, the same command goes on "
      "from the finished runs.\n");
  options.add_options()("figure",
                        "fig1, fig2 (with fig6), fig3, fig4 (with fig7), fig5, fig8, fig9, fig10, fig11, or all",
                        cxxopts::value<std::vector<std::string>>())(
      "scale", "quick (at most about 5 minutes a figure on 2 cores) or paper (Appendix F's settings)",
      cxxopts::value<std::string>()->default_value("quick"))("out", "folder; a figure goes to OUT/<figure>",
                                                             cxxopts::value<std::string>()->default_value("runs"))(
      "data", concat("folder of MNIST's and CIFAR-10's files; without it ", data_folder_rule), cxxopts::value<std::string>())(
      "ranks", "MPI ranks to start when run alone", cxxopts::value<std::int64_t>()->default_value("2"))(
      "ranks-per-run", "ranks that share a network's run; the runs of a figure go side by side on groups of so many",
      cxxopts::value<std::int64_t>()->default_value("1"))("strict", "exit status 1 if a claim fails")(
      "verbose", "on a terminal too: every column of the claims, in the figure's order, and a line for each run")("h,help",
                                                                                                      "this text");
  options.parse_positional({"figure"});
  options.positional_help("FIGURE");
  return options;
}

std::vector<std::string> known_figures() {
  std::vector<std::string> all = Figures::instance().names();
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return std::stoi(a.substr(3)) < std::stoi(b.substr(3)); });
  return all;
}

Request read_request(const cxxopts::ParseResult& parsed) {
  Request request;
  TERSEGRAD_CHECK(parsed.count("figure"), "name a figure (known: ", join(known_figures()), ", all)");
  for (std::string name : parsed["figure"].as<std::vector<std::string>>()) {
    if (name == "fig6") name = "fig2";  // their box plots are drawn with the losses
    if (name == "fig7") name = "fig4";
    if (name == "all") {
      request.names = known_figures();
      break;
    }
    TERSEGRAD_CHECK(Figures::instance().members().contains(name), "unknown figure '", name, "' (known: ", join(known_figures()), ", all)");
    request.names.push_back(name);
  }
  const auto scale = parsed["scale"].as<std::string>();
  TERSEGRAD_CHECK(scale == "quick" || scale == "paper", "--scale is '", scale, "' (must be quick or paper)");
  request.scale = scale == "paper" ? Scale::paper : Scale::quick;
  request.out = parsed["out"].as<std::string>();
  if (parsed.count("data")) request.data = parsed["data"].as<std::string>();
  request.ranks_per_run = parsed["ranks-per-run"].as<std::int64_t>();
  TERSEGRAD_CHECK(request.ranks_per_run >= 1 && request.ranks_per_run <= 100000, "--ranks-per-run is ",
                  request.ranks_per_run, " (must be at least 1)");
  request.strict = parsed.count("strict") > 0;
  request.verbose = parsed.count("verbose") > 0;
  return request;
}

/// Replaces this process by launch/local, which starts the ranks.
[[noreturn]] void start_ranks(int argc, char** argv, std::int64_t ranks) {
  std::vector<std::string> words{find_launch_script("local").string(), "--ranks", std::to_string(ranks), "--program"};
  words.push_back(command_words().front());
  words.push_back("--");
  words.insert(words.end(), command_words().begin() + 1, command_words().end());
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  throw Error(concat("cannot start '", words[0], "': ", std::strerror(errno)));
}

/// How one figure ended.
struct FigureEnd {
  std::string name;
  std::string failure;  ///< why it could not be run; empty if it could
  std::map<Verdict, int> verdicts;
  double seconds = 0;
  bool interrupted = false;
};

/// Runs what is left of a figure, draws it, prints its claims. \throws CollectiveError if it cannot be run
FigureEnd reproduce(const Communicator& world, const Request& request, const std::string& name) {
  const auto start = std::chrono::steady_clock::now();
  const Figure& figure = Figures::instance().at(name);
  FigureEnd end;
  end.name = name;
  const fs::path folder = request.out / name;
  const RunTally tally =
      execute_runs(world, name, figure.runs(request.scale),
                   {folder, request.data, request.ranks_per_run, output_columns(), request.verbose});
  end.interrupted = tally.interrupted;
  if (end.interrupted) return end;
  std::vector<std::int64_t> counts(3, 0);
  collectively(world, [&] {
    if (world.rank() != 0) return;
    FigureReport report(folder);
    figure.report(request.scale, report);
    write_figure(folder, name, figure, request.scale, report);
    const std::size_t width = output_columns();
    std::cout << claim_table(report.claims(), width, request.verbose || width == any_width) << "figure: " << (folder / "figure.png").string() << "\n" << std::flush;
    for (const auto& claim : report.claims()) ++counts[static_cast<std::size_t>(claim.verdict())];
  });
  world.sum(counts);
  for (const auto verdict : {Verdict::holds, Verdict::fails, Verdict::inconclusive}) {
    end.verdicts[verdict] = static_cast<int>(counts[static_cast<std::size_t>(verdict)]);
  }
  end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return end;
}

std::string summary_table(const std::vector<FigureEnd>& ends) {
  TextTable table({"figure", "time now", "claims hold", "fail", "inconclusive"});
  for (const auto& end : ends) {
    if (!end.failure.empty()) {
      table.add({end.name, "could not be run: " + end.failure, "", "", ""});
      continue;
    }
    const auto count = [&](Verdict verdict) { return std::to_string(end.verdicts.at(verdict)); };
    table.add({end.name, format_duration(end.seconds), count(Verdict::holds), count(Verdict::fails),
               count(Verdict::inconclusive)});
  }
  return table.str();
}

/// All the figures asked for; one that cannot be run does not stop the others. \return the exit status
int reproduce_all(const Communicator& world, const Request& request) {
  std::vector<FigureEnd> ends;
  for (const auto& name : request.names) {
    try {
      ends.push_back(reproduce(world, request, name));
    } catch (const CollectiveError& error) {
      if (request.names.size() == 1) throw;
      if (world.rank() == 0) std::cerr << "tersegrad: " << name << ": " << error.what() << "\n" << std::flush;
      ends.push_back({name, error.what(), {}, 0, false});
    }
    if (ends.back().interrupted) {
      if (world.rank() == 0) std::cout << name << ": stopped; the same command goes on from here\n" << std::flush;
      return 1;
    }
  }
  if (world.rank() == 0) std::cout << summary_table(ends) << std::flush;
  const bool all_ran = std::all_of(ends.begin(), ends.end(), [](const auto& end) { return end.failure.empty(); });
  const bool none_fails = std::all_of(ends.begin(), ends.end(), [](const auto& end) {
    return end.verdicts.count(Verdict::fails) == 0 || end.verdicts.at(Verdict::fails) == 0;
  });
  return all_ran && (!request.strict || none_fails) ? 0 : 1;
}

int run(int argc, char** argv) {
  auto options = declare();
  bool done = false;
  {  // Everything that can be wrong is said before any rank is started.
    std::vector<std::string> copies(argv, argv + argc);
    std::vector<char*> pointers;
    for (auto& copy : copies) pointers.push_back(copy.data());
    const auto parsed = parse_options(options, argc, pointers.data(), done);
    if (done) return 0;
    if (!find_launch()) {
      read_request(parsed);
      const std::int64_t ranks = parsed["ranks"].as<std::int64_t>();
      TERSEGRAD_CHECK(ranks >= 1 && ranks <= 100000, "--ranks is ", ranks, " (must be at least 1)");
      start_ranks(argc, argv, ranks);
    }
  }
  return run_with_mpi(&argc, &argv, [&](Communicator& world) {
    Request request;
    collectively(world, [&] { request = read_request(parse_options(options, argc, argv, done)); });
    return reproduce_all(world, request);
  });
}

const CatalogueEntry<Command> registration{"reproduce", {"a figure of the paper by real runs, its claims with verdicts", run,
    true}};

}  // namespace
}  // namespace tersegrad
