// tersegrad reproduce: a figure of the paper by real runs, its claims with verdicts.
#include <mpi.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <iostream>

#include "apps/command.hpp"
#include "apps/figure.hpp"
#include "apps/figure_output.hpp"
#include "apps/launch_script.hpp"
#include "apps/objective.hpp"
#include "tersegrad/comm/collectively.hpp"
#include "tersegrad/comm/environment.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/spec.hpp"
#include "tersegrad/core/text.hpp"
#include "tersegrad/log/run_file.hpp"
#include "tersegrad/train/sde_run.hpp"
#include "tersegrad/train/trainer.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

struct Request {
  std::vector<std::string> names;
  Scale scale = Scale::quick;
  fs::path out;   ///< of one figure
  std::string data;
  bool strict = false;
};

cxxopts::Options declare() {
  cxxopts::Options options("tersegrad reproduce",
                           "Reproduce a figure of the paper with real runs: figure.png and .svg, figure.h5, report.json, and a table "
                           "of its claims.\nRun alone it starts its own MPI ranks. Interrupted, the same command goes on from the "
                           "finished runs.\n");
  options.add_options()
      ("figure", "fig1, fig2 (with fig6), fig3, fig4 (with fig7), fig5, fig8, fig9, fig10, fig11, or all", cxxopts::value<std::vector<std::string>>())
      ("scale", "quick (at most about 5 minutes a figure on 2 cores) or paper (Appendix F's settings)",
       cxxopts::value<std::string>()->default_value("quick"))
      ("out", "folder; a figure goes to OUT/<figure>", cxxopts::value<std::string>()->default_value("runs"))
      ("data", "folder of MNIST's and CIFAR-10's files", cxxopts::value<std::string>()->default_value(".data"))
      ("ranks", "MPI ranks to start when run alone", cxxopts::value<std::int64_t>()->default_value("2"))
      ("strict", "exit status 1 if a claim fails")
      ("h,help", "this text");
  options.parse_positional({"figure"});
  options.positional_help("FIGURE");
  return options;
}

std::vector<std::string> known_figures() {
  std::vector<std::string> all;
  for (const auto& [name, figure] : figures()) all.push_back(name);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::stoi(a.substr(3)) < std::stoi(b.substr(3));
  });
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
    TERSEGRAD_CHECK(figures().count(name), "unknown figure '", name, "' (known: ", join(known_figures()), ", all)");
    request.names.push_back(name);
  }
  const auto scale = parsed["scale"].as<std::string>();
  TERSEGRAD_CHECK(scale == "quick" || scale == "paper", "--scale is '", scale, "' (must be quick or paper)");
  request.scale = scale == "paper" ? Scale::paper : Scale::quick;
  request.out = parsed["out"].as<std::string>();
  request.data = parsed["data"].as<std::string>();
  request.strict = parsed.count("strict") > 0;
  return request;
}

/// Replaces this process by launch/local, which starts the ranks.
[[noreturn]] void start_ranks(int argc, char** argv, std::int64_t ranks) {
  const std::string launch = find_launch_script("local").string(), program = fs::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words{launch, "--ranks", std::to_string(ranks), "--program", program, "--", "reproduce"};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  throw Error(concat("cannot start '", launch, "': ", std::strerror(errno)));
}

/// Whether the folder holds this very run, finished. Rank 0's answer, on every rank.
bool is_done(const Communicator& comm, const fs::path& folder, const TrainConfig& config) {
  std::uint8_t done = 0;
  if (comm.rank() == 0 && fs::exists(folder / "run.h5")) {
    try {
      const RunFile file = RunFile::open(folder);
      done = file.finished();
      for (const auto& field : config.describe()) {
        const LogField* found = find_field(file.configuration(), field.key);
        if (field.key != "data" && (found == nullptr || found->value != field.value)) done = 0;
      }
      const LogField* interrupted = find_field(file.summary(), "interrupted");
      if (interrupted != nullptr && std::get<bool>(interrupted->value)) done = 0;
    } catch (const Error&) {
      done = 0;  // damaged: run again
    }
  }
  comm.broadcast(std::as_writable_bytes(std::span(&done, 1)), 0);
  return done != 0;
}

/// One run on as many of the ranks as have an agent; the others wait.
RunResult run_one(const Communicator& world, const TrainConfig& config) {
  const bool takes_part = config.sde > 0 || world.rank() < config.agents;
  MPI_Comm part = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, takes_part ? 0 : MPI_UNDEFINED, world.rank(), &part);
  RunResult result;
  if (takes_part) {
    const Communicator comm(part);
    result = config.sde > 0 ? simulate_sde(comm, config, make_objective) : train(comm, config, make_objective);
  }
  // All must know of an interruption; waiting here costs the others' cores nothing.
  std::int64_t interrupted = result.interrupted ? 1 : 0;
  world.sum(std::span<std::int64_t>(&interrupted, 1));
  result.interrupted = interrupted > 0;
  if (takes_part) MPI_Comm_free(&part);
  return result;
}

/// The figure's runs, the finished ones left alone. \return false if it was asked to stop
bool execute(const Communicator& comm, const Figure& figure, const Request& request, const std::string& name) {
  auto runs = figure.runs(request.scale);
  const auto start = std::chrono::steady_clock::now();
  std::size_t fresh = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& [run_name, config] = runs[i];
    config.out = request.out / name / "runs" / run_name;
    config.data = request.data;
    config.overwrite = true;
    config.sinks = {"hdf5"};
    if (is_done(comm, config.out, config)) continue;
    ++fresh;
    const RunResult result = run_one(comm, config);
    if (comm.rank() == 0) {
      const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      std::cout << name << ": run " << i + 1 << " of " << runs.size() << ", " << run_name << ", " << format_duration(result.total_s)
                << (result.diverged ? ", diverged" : "");
      if (i + 1 < runs.size()) {
        const double each = spent / static_cast<double>(fresh);
        std::cout << "; about " << format_duration(each * static_cast<double>(runs.size() - i - 1)) << " left";
      }
      std::cout << std::endl;
    }
    if (result.interrupted) return false;
  }
  return true;
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
    if (launched_ranks() == 1 && !under_mpi_launcher()) {
      read_request(parsed);
      const std::int64_t ranks = parsed["ranks"].as<std::int64_t>();
      TERSEGRAD_CHECK(ranks >= 1 && ranks <= 100000, "--ranks is ", ranks, " (must be at least 1)");
      start_ranks(argc, argv, ranks);
    }
  }
  return run_with_mpi(&argc, &argv, [&](Communicator& world) {
    Request request;
    collectively(world, [&] { request = read_request(parse_options(options, argc, argv, done)); });
    std::int64_t failing = 0;
    for (const auto& name : request.names) {
      const Figure& figure = figures().at(name);
      if (!execute(world, figure, request, name)) {
        if (world.rank() == 0) std::cout << name << ": stopped; the same command goes on from here\n" << std::flush;
        return 1;
      }
      std::int64_t failed = 0;
      collectively(world, [&] {
        if (world.rank() != 0) return;
        const fs::path folder = request.out / name;
        FigureReport report(folder);
        figure.report(request.scale, report);
        write_figure(folder, name, figure, request.scale, report);
        std::cout << claim_table(report.claims()) << "figure: " << (folder / "figure.png").string() << "\n" << std::flush;
        for (const auto& claim : report.claims()) failed += claim.verdict() == Verdict::fails;
      });
      world.sum(std::span<std::int64_t>(&failed, 1));
      failing += failed;
    }
    return request.strict && failing > 0 ? 1 : 0;
  });
}

const CommandRegistration registration{"reproduce", "a figure of the paper by real runs, its claims with verdicts", run, true};

}  // namespace
}  // namespace tersegrad
