#include "apps/reproduce/runs.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/common/objective.hpp"
#include "apps/reproduce/progress.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"
#include "tersegrad/log/sinks/minutes.hpp"
#include "tersegrad/train/sde_run.hpp"
#include "tersegrad/train/trainer.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

/// Whether the folder holds this very run, finished.
bool is_done(const fs::path& folder, const TrainConfig& config) {
  if (!fs::exists(folder / "run.h5")) return false;
  try {
    const RunData run = read_in_subprocess(folder, {});
    const LogField* interrupted = find_field(run.summary, "interrupted");
    if (!run.finished || (interrupted != nullptr && interrupted->value != LogValue(false))) return false;
    const auto wanted = config.describe();
    return std::all_of(wanted.begin(), wanted.end(), [&](const LogField& field) {
      const LogField* found = find_field(run.configuration, field.key);
      // An SDE has nothing to exchange, and its file says so whatever was asked for.
      if (field.key == "data" || (field.key == "exchange" && config.sde > 0)) return true;
      return found != nullptr && found->value == field.value;
    });
  } catch (const Error&) {
    return false;  // damaged: run again
  }
}

/// One run on as many of the ranks as have an agent; the others wait, which costs their cores nothing.
struct Outcome {
  RunResult result;
  std::string failure;  ///< on the ranks that failed together
};
Outcome run_one(const Communicator& ranks, const TrainConfig& config) {
  Outcome outcome;
  const auto part = ranks.split(config.sde > 0 || ranks.rank() < config.agents ? 0 : -1);
  if (part != nullptr) {
    try {
      outcome.result = config.sde > 0 ? simulate_sde(*part, config, make_objective)
                                      : train(*part, config, make_objective);
    } catch (const CollectiveError& error) {
      outcome.failure = error.what();
    }
  }
  std::int64_t interrupted = outcome.result.interrupted ? 1 : 0;
  ranks.max(std::span(&interrupted, 1));
  outcome.result.interrupted = interrupted > 0;
  return outcome;
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Where the lines on this process's runs go.
class ProgressLines {
 public:
  static ProgressLines& instance() {
    static ProgressLines lines;
    return lines;
  }
  /// \param width  of the terminal on which each line takes the place of the one before; any_width: each stays
  void in_place(std::size_t width) { width_ = width; }
  void say(const std::string& line) {
    if (width_ == any_width) {
      std::cout << line + "\n" << std::flush;
    } else {
      std::string shown = wrapped(line, width_ - 1).front();
      shown.append(width_ - 1 - display_columns(shown), ' ');
      std::cout << "\r" + shown << std::flush;
      open_ = true;
    }
  }
  /// What follows begins on a line of its own.
  void end() {
    if (open_) std::cout << "\n" << std::flush;
    open_ = false;
  }

 private:
  std::size_t width_ = any_width;
  bool open_ = false;
};

void say(const std::string& line) { ProgressLines::instance().say(line); }

/// The runs one after another; `later`, those of other groups, come after them. \return false if asked to stop, or if
/// one failed: then `failure` is set on a rank that had it
bool run_all(const Communicator& ranks, const std::string& figure, const std::vector<FigureRun>& runs,
             std::size_t later, std::string& failure) {
  double work = 0;
  for (const auto& run : runs) work += run_work(run.config);
  RunTurn turn(figure, runs.size(), work, later);
  const double start = now_s();
  for (const auto& run : runs) {
    minute_voice() = {concat(figure, ": ", run.name), say};
    const Outcome outcome = run_one(ranks, run.config);
    failure = outcome.failure;
    std::int64_t failed = failure.empty() ? 0 : 1;
    ranks.max(std::span(&failed, 1));
    if (failed > 0) return false;
    const RunResult& result = outcome.result;
    if (ranks.rank() == 0) {
      say(turn.finished(run.name, run_work(run.config),
                        concat(result.diverged ? ", diverged" : "", result.interrupted ? ", interrupted" : ""),
                        result.total_s, now_s() - start, result.interrupted));
    }
    if (result.interrupted) return false;
  }
  return true;
}

/// Runs shared out to groups of ranks that work side by side. As run_all().
bool run_in_groups(const Communicator& world, const std::string& figure, const std::vector<FigureRun>& runs,
               std::int64_t ranks_each, std::string& failure) {
  const int each = static_cast<int>(std::min<std::int64_t>(ranks_each, world.size()));
  const int groups = world.size() / each;
  const auto mine = std::min(world.rank() / each, groups - 1);  // ranks left over join the last group
  const auto shares = assign_runs(runs, static_cast<std::size_t>(groups));
  std::vector<FigureRun> share;
  for (const std::size_t i : shares[static_cast<std::size_t>(mine)]) share.push_back(runs[i]);
  const auto group = world.split(mine);
  return run_all(*group, groups > 1 ? concat(figure, " (", mine + 1, "/", groups, ")") : figure, share, 0,
                 failure);
}

}  // namespace

RunTally execute_runs(const Communicator& world, const std::string& figure, std::vector<FigureRun> runs,
                      const RunPlace& place) {
  RunTally tally;
  tally.all = runs.size();
  std::vector<std::uint8_t> done(runs.size(), 0);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto& [name, config] = runs[i];
    config.out = place.folder / "runs" / name;
    config.data = place.data;
    config.overwrite = true;
    config.sinks = {"hdf5", "minutes"};
    if (world.rank() == 0) done[i] = is_done(config.out, config);
  }
  world.broadcast(std::as_writable_bytes(std::span(done)), 0);
  std::vector<FigureRun> wide, dealt;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (done[i] != 0) {
      ++tally.done;
    } else {
      (is_landscape(runs[i].config.model) ? wide : dealt).push_back(std::move(runs[i]));
    }
  }
  if (tally.done > 0 && world.rank() == 0) {
    std::cout << concat(figure, ": ", tally.done, " of ", tally.all, " runs are there already\n") << std::flush;
  }
  auto& lines = ProgressLines::instance();
  lines.in_place(place.a_line_each ? any_width : place.width);
  std::string failure;
  std::int64_t stopped = !run_all(world, figure, wide, dealt.size(), failure) ? 1 : 0;
  if (stopped == 0) stopped = run_in_groups(world, figure, dealt, place.ranks_per_run, failure) ? 0 : 1;
  if (world.rank() == 0) lines.end();
  collectively(world, [&] { TERSEGRAD_CHECK(failure.empty(), failure); });
  world.max(std::span(&stopped, 1));  // a group may have ended its runs before it was asked to stop
  tally.interrupted = stopped > 0;
  return tally;
}

}  // namespace tersegrad
