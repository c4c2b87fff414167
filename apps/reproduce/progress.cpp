#include "apps/reproduce/progress.hpp"

#include <algorithm>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {

double run_work(const TrainConfig& config) {
  return static_cast<double>(config.steps) * (4 + static_cast<double>(config.agents)) *
         static_cast<double>(std::max<std::int64_t>(1, config.replicas));
}

std::string RunTurn::finished(const std::string& run, double work, const std::string& ending, double took_s,
                              double now_s, bool stopped) {
  ++done_;
  work_done_ += work;
  std::string line = concat(figure_, ": ", run, ", ", format_duration(took_s), ending, "; run ", done_, " of ", runs_);
  if (stopped) return line;
  if (done_ < runs_ && work_done_ > 0) {
    line += concat(", about ", format_duration(now_s * std::max(0.0, work_ / work_done_ - 1)), " left");
  }
  if (later_ > 0) line += concat(", then ", later_, " of networks");
  return line;
}

}  // namespace tersegrad
