// The runs of a figure on the ranks there are: which are left, who takes them, how long it will be.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/reproduce/figure.hpp"
#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/core/terminal/terminal.hpp"

namespace tersegrad {

/// Where a figure's runs go and what they read.
struct RunPlace {
  std::filesystem::path folder;    ///< of the figure: a run goes to folder/runs/<name>
  std::string data;                ///< folder of the data sets
  std::int64_t ranks_per_run = 1;  ///< of a network's run; landscapes take all ranks, as far as they have agents
  std::size_t width = any_width;   ///< of the terminal: there one line in place shows how far the runs are
  bool a_line_each = false;        ///< on a terminal too: a line for each run
};

/// How the figure's runs ended.
struct RunTally {
  std::size_t all = 0;       ///< the figure has
  std::size_t done = 0;      ///< of them were there before
  bool interrupted = false;  ///< asked to stop: some are missing
};

/// Does the runs that the folder does not hold yet, with a progress line for each. Landscapes come one after another on
/// all ranks; networks' runs are dealt to groups of ranks, which work side by side: no bit depends on the number of
/// ranks. Within a run the agents share the full gradient; runs of different settings part at their first step.
/// Collective. \throws CollectiveError if a run failed on all ranks that had it
RunTally execute_runs(const Communicator& world, const std::string& figure, std::vector<FigureRun> runs,
                      const RunPlace& place);

/// Who takes which run: loads are balanced for each model separately, as only runs of one model compare.
/// \return [groups] indices into `runs`, in the order of their work
std::vector<std::vector<std::size_t>> assign_runs(const std::vector<FigureRun>& runs, std::size_t groups);

}  // namespace tersegrad
