// What a figure says of its runs while they are under way.
#pragma once

#include <cstdint>
#include <string>

#include "tersegrad/train/options/config.hpp"

namespace tersegrad {

/// Work of a run in units of its model's: a step costs one gradient, about as much as four agents, for every replica.
double run_work(const TrainConfig& config);

/// A line a finished run, with the time left for the runs of the same ranks by the work done and left, and how many
/// come after those. Times are handed in, so it needs no clock.
class RunTurn {
 public:
  /// \param work  of all runs of these ranks
  /// \param later runs of the figure that come after them (networks' after the landscapes')
  RunTurn(std::string figure, std::size_t runs, double work, std::size_t later)
      : figure_(std::move(figure)), runs_(runs), later_(later), work_(work) {}
  /// \param ending ", diverged", or ""   \param now_s since the first run began
  std::string finished(const std::string& run, double work, const std::string& ending, double took_s, double now_s,
                       bool stopped = false);

 private:
  std::string figure_;
  std::size_t runs_, later_, done_ = 0;
  double work_, work_done_ = 0;
};

}  // namespace tersegrad
