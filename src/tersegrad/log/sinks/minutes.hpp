// A line a minute on a long run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tersegrad {

/// When a line is due, and what it says. Times are handed in, so it needs no clock.
class MinuteLines {
 public:
  /// \param run  what the line begins with
  MinuteLines(std::string run, std::int64_t steps, double start_s)
      : run_(std::move(run)), steps_(steps), start_s_(start_s), shown_s_(start_s) {}
  /// The line of `step` at `now_s`, or nothing before a minute has passed since the last.
  std::optional<std::string> at(double step, double loss, double now_s);

 private:
  std::string run_;
  std::int64_t steps_;
  double start_s_, shown_s_;
};

/// Whose lines those of the sink `minutes` are in this process, and where they go. A program that makes several runs sets it
/// before each.
struct MinuteVoice {
  std::string run = "run";                               ///< what a line begins with
  std::function<void(const std::string& line)> say = {};  ///< empty: a line on standard output
};
MinuteVoice& minute_voice();

}  // namespace tersegrad
