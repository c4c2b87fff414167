#include "tersegrad/log/write/progress.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double anchor_distance_s = 60;

int find_column(const RunInfo& info, const std::string& name) {
  for (std::size_t i = 0; i < info.columns.size(); ++i) {
    if (info.columns[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

Progress::Progress(const RunInfo& info, ProgressStyle style)
    : style_(style), steps_(info.steps), step_(find_column(info, "step")), loss_(find_column(info, "loss")),
      accuracy_(find_column(info, "test_accuracy")), uplink_(find_column(info, "uplink_bytes")),
      measured_accuracy_(nan) {}

std::optional<std::string> Progress::update(const std::vector<double>& record, double now_s) {
  const bool first = last_.empty();
  last_ = record;
  shown_last_ = false;
  if (accuracy_ >= 0 && std::isfinite(value(accuracy_))) measured_accuracy_ = value(accuracy_);
  if (first) {
    start_s_ = now_s;
    older_ = newer_ = Anchor{value(step_), now_s};
  } else if (now_s - newer_->time_s >= anchor_distance_s) {
    older_ = newer_;
    newer_ = Anchor{value(step_), now_s};
  }
  if (!first && !due(now_s)) return std::nullopt;
  return line(now_s);
}

std::optional<std::string> Progress::last_line(double now_s) {
  if (last_.empty() || shown_last_) return std::nullopt;
  return line(now_s);
}

bool Progress::due(double now_s) const {
  const double silence_s = now_s - shown_s_;
  if (style_ == ProgressStyle::live) return silence_s >= 0.1;
  if (silence_s >= std::max(30.0, 0.05 * (now_s - start_s_))) return true;
  return steps_ > 0 && value(step_) - shown_step_ >= 0.05 * static_cast<double>(steps_);
}

std::string Progress::line(double now_s) {
  shown_last_ = true;
  shown_s_ = now_s;
  shown_step_ = value(step_);
  std::ostringstream text;
  text << "step " << static_cast<std::int64_t>(value(step_));
  if (steps_ > 0) text << "/" << steps_;
  if (loss_ >= 0) text << "  loss " << format_number(value(loss_), 4);
  if (std::isfinite(measured_accuracy_)) text << "  accuracy " << format_number(measured_accuracy_, 3);
  const double rate = (value(step_) - older_->step) / (now_s - older_->time_s);
  const bool known = std::isfinite(rate) && rate > 0;
  if (known) text << "  " << format_number(rate, 3) << " steps/s";
  if (uplink_ >= 0) text << "  " << format_bytes(value(uplink_)) << " up/step";
  const double left = static_cast<double>(steps_) - value(step_);
  if (left > 0 && known) text << "  " << format_duration(left / rate) << " left";
  return text.str();
}

}  // namespace tersegrad
