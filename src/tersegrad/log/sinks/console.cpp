// The progress line on standard output.
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/terminal/terminal.hpp"
#include "tersegrad/log/write/evaluation_line.hpp"
#include "tersegrad/log/write/progress.hpp"

namespace tersegrad {
namespace {

/// Of the line that is shown in place. Where a file is made to hold it, as wide as most terminals.
std::size_t live_columns() {
  const std::size_t columns = output_columns();
  return columns == any_width ? 100 : columns;
}

class ConsoleSink final : public Sink {
 public:
  explicit ConsoleSink(ProgressStyle style) : style_(style) {}
  ~ConsoleSink() override { end_line(); }  // an error message that follows starts on a line of its own

  bool needs_folder() const override { return false; }
  void begin(const RunInfo& info) override {
    progress_.emplace(info, style_);
    for (std::size_t c = 0; c < info.columns.size(); ++c) {
      if (info.columns[c].name == "time_s") time_column_ = c;
    }
  }
  void write(const std::vector<double>& record) override {
    // Records may come in blocks long after their steps: their own time tells the speed.
    evaluation_.reset();
    last_s_ = time_column_ ? record[*time_column_] : now_s();
    show(progress_->update(record, last_s_));
  }
  void evaluating(std::int64_t done, std::int64_t chunks) override {
    if (!evaluation_) evaluation_.emplace(style_, now_s());
    show(evaluation_->update(done, chunks, now_s()));
  }
  void finish(const LogFields&) override {
    show(progress_->last_line(last_s_));
    end_line();
  }

 private:
  static double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  void show(const std::optional<std::string>& line) {
    if (!line) return;
    if (style_ == ProgressStyle::sparse) {
      std::printf("%s\n", line->c_str());
    } else {
      // Blanks instead of an escape sequence wipe what a longer line left behind: they work on every terminal.
      std::string text = wrapped(*line, live_columns() - 1).front();
      const std::size_t length = display_columns(text);
      if (length < shown_) text.append(shown_ - length, ' ');
      std::printf("\r%s", text.c_str());
      shown_ = length;
    }
    std::fflush(stdout);
  }

  void end_line() {
    if (shown_ > 0) std::printf("\n");
    std::fflush(stdout);
    shown_ = 0;
  }

  ProgressStyle style_;
  std::optional<Progress> progress_;
  std::optional<EvaluationLine> evaluation_;  // of the one under way
  std::optional<std::size_t> time_column_;
  double last_s_ = 0;
  std::size_t shown_ = 0;  // columns of the open line
};

const Registration<Sink> registration{
    "console", "progress line on standard output",
    {{"style", "auto", "live: one line in place; sparse: about 20 lines a run; auto: live on a terminal"}},
    [](const Arguments& arguments) {
      const std::string& style = arguments.one_of("style", {"auto", "live", "sparse"});
      const bool live = style == "live" || (style == "auto" && output_on_terminal());
      return std::make_unique<ConsoleSink>(live ? ProgressStyle::live : ProgressStyle::sparse);
    }};

}  // namespace
}  // namespace tersegrad
