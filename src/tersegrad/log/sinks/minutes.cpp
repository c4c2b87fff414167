#include "tersegrad/log/sinks/minutes.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/log/sink.hpp"

namespace tersegrad {

std::optional<std::string> MinuteLines::at(double step, double loss, double now_s) {
  if (now_s - shown_s_ < 60) return std::nullopt;
  shown_s_ = now_s;
  std::string line = concat(run_, ": step ", format_number(step, 9), " of ", steps_, ", loss ", format_number(loss, 4));
  if (step > 0) {
    const double left = (now_s - start_s_) * (static_cast<double>(steps_) / step - 1);
    line += concat(", about ", format_duration(std::max(0.0, left)), " left in this run");
  }
  return line;
}

MinuteVoice& minute_voice() {
  static MinuteVoice voice;
  return voice;
}

namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

class MinuteSink final : public Sink {
 public:
  bool needs_folder() const override { return false; }
  void begin(const RunInfo& info) override {
    lines_.emplace(minute_voice().run, info.steps, now_s());
    for (std::size_t c = 0; c < info.columns.size(); ++c) {
      if (info.columns[c].name == "loss") loss_ = c;
    }
  }
  void write(const std::vector<double>& record) override {
    const auto line = lines_->at(record.front(), record[loss_], now_s());
    if (!line) return;
    if (minute_voice().say) {
      minute_voice().say(*line);
    } else {
      std::cout << *line + "\n" << std::flush;
    }
  }
  void finish(const LogFields&) override {}

 private:
  std::optional<MinuteLines> lines_;
  std::size_t loss_ = 0;
};

const Registration<Sink> registration{"minutes", "a line a minute on standard output", {},
                                      [](const Arguments&) { return std::make_unique<MinuteSink>(); }};

}  // namespace
}  // namespace tersegrad
