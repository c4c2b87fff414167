#include "tersegrad/log/write/evaluation_line.hpp"

#include <algorithm>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {

std::optional<std::string> EvaluationLine::update(std::int64_t done, std::int64_t chunks, double now_s) {
  const double share = static_cast<double>(done) / static_cast<double>(chunks);
  if (!due(share, now_s)) return std::nullopt;
  shown_s_ = now_s;
  shown_share_ = share;
  std::string line = concat("evaluating … ", static_cast<std::int64_t>(100 * share), " %");
  if (done > 0 && done < chunks)
    line += concat(", ", format_duration((now_s - start_s_) * (1 - share) / share), " left");
  return line;
}

bool EvaluationLine::due(double share, double now_s) const {
  if (now_s - start_s_ < 1) return false;
  if (!shown_s_) return share < 1;
  const double silence_s = now_s - *shown_s_;
  if (style_ == ProgressStyle::live) return silence_s >= 0.1;
  return silence_s >= std::max(30.0, 0.05 * (now_s - start_s_)) || (silence_s >= 5 && share - shown_share_ >= 0.2);
}

}  // namespace tersegrad
