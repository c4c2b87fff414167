// The options of what a run writes, measures and keeps.
#include <algorithm>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/log/sink.hpp"
#include "tersegrad/train/records/evaluated_rows.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

/// --overwrite alone, or --overwrite=checkpoints.
OptionField overwrite() {
  OptionField made{.kind = ValueKind::word, .words = {"run", "checkpoints"},
                   .members = {offset_of(&TrainConfig::overwrite), offset_of(&TrainConfig::overwrite_checkpoints)}};
  made.read = [](TrainConfig& c, const std::string& option, const std::string& text) {
    TERSEGRAD_CHECK(text == "run" || text == "checkpoints", option, " is '", text,
                    "' (must be given alone, or as --overwrite=checkpoints)");
    c.overwrite = true;
    c.overwrite_checkpoints = text == "checkpoints";
  };
  made.text = [](const TrainConfig& c) { return c.overwrite_checkpoints ? "checkpoints" : c.overwrite ? "run" : ""; };
  return completed(made);
}

/// So many steps, or minutes: 30min.
OptionField checkpoint_interval() {
  OptionField made{.kind = ValueKind::integer, .range = {.low = 0},
                   .members = {offset_of(&TrainConfig::checkpoint_every), offset_of(&TrainConfig::checkpoint_minutes)}};
  made.read = [](TrainConfig& c, const std::string& option, const std::string& text) {
    const bool sound = text.ends_with("min")
        ? parse_real(text.substr(0, text.size() - 3), c.checkpoint_minutes) && c.checkpoint_minutes > 0
        : parse_integer(text, c.checkpoint_every);
    TERSEGRAD_CHECK(sound, option, " is '", text, "' (must be a number of steps, or of minutes such as 30min)");
  };
  made.value = [](const TrainConfig& c) {
    return c.checkpoint_minutes > 0 ? exact_text(c.checkpoint_minutes) + "min" : std::to_string(c.checkpoint_every);
  };
  made.check = [every = field::integer(&TrainConfig::checkpoint_every, 0).check,
                minutes = field::not_negative(&TrainConfig::checkpoint_minutes).check](const TrainConfig& c, const std::string& option) {
    every(c, option);
    minutes(c, option);
  };
  return completed(made);
}

/// A run goes on with the log that it finds in run.h5: other files are written anew from it.
void require_resumable_log(const TrainConfig& c) {
  if (!c.checkpoints()) return;
  TERSEGRAD_CHECK(!c.out.empty(), "--checkpoint-every needs a folder for the checkpoints; give one with --out");
  const auto has = [&](const std::string& name) {
    return std::any_of(c.sinks.begin(), c.sinks.end(), [&](const std::string& sink) { return Spec::parse(sink).name == name; });
  };
  for (const char* file : {"csv", "jsonl"}) {
    TERSEGRAD_CHECK(!has(file) || has("hdf5"), "--checkpoint-every needs the log sink 'hdf5' beside '", file,
                    "' (a resumed run takes the records of its past from run.h5)");
  }
}

/// A number, or auto: so many steps that about 10,000 records come of --steps, read before it, at most: some MB, however
/// long the run is.
OptionField log_interval() {
  OptionField made = field::integer(&TrainConfig::log_every, 1);
  made.words = {"auto"};
  made.read = [](TrainConfig& c, const std::string& option, const std::string& text) {
    c.log_every = text == "auto" ? std::max<std::int64_t>(1, c.steps / 10000 + (c.steps % 10000 > 0 ? 1 : 0)) : read_integer(option, text);
  };
  return made;
}

/// auto, all or a number.
OptionField evaluated_samples() {
  OptionField made = field::integer(&TrainConfig::eval_samples, eval_all_rows);
  made.words = {"auto", "all"};
  made.range.low = 1;
  made.read = [](TrainConfig& c, const std::string& option, const std::string& text) {
    if (text == "auto") {
      c.eval_samples = eval_rows_by_labels;
    } else if (text == "all") {
      c.eval_samples = eval_all_rows;
    } else {
      TERSEGRAD_CHECK(parse_integer(text, c.eval_samples) && c.eval_samples >= 1, option, " is '", text,
                      "' (must be a number of test rows, at least 1, or all, or auto)");
    }
  };
  made.restore = made.read;
  made.value = [](const TrainConfig& c) {
    return c.eval_samples == eval_rows_by_labels ? "auto" : c.eval_samples == eval_all_rows ? "all" : std::to_string(c.eval_samples);
  };
  made.text = {};
  return completed(made);
}

void require_evaluations(const TrainConfig& c) {
  TERSEGRAD_CHECK(c.eval_every >= 0 || c.eval_samples == eval_rows_by_labels,
                  "--eval-samples means nothing with --eval-every -1 (no evaluations)");
}

void require_measurable_noise(const TrainConfig& c) {
  TERSEGRAD_CHECK(c.noise_report == 0 || c.batch > 0 || c.noise != "none",
                  "--noise-report has nothing to measure with --batch full and --noise none (all agents have the same gradient)");
  TERSEGRAD_CHECK(c.noise_report <= c.steps, "--noise-report is ", c.noise_report, " (must be at most --steps, ", c.steps,
                  ", for a report to be made)");
}

OptionField threads() {
  static constexpr int most = 4096;
  OptionField made{.kind = ValueKind::integer, .range = {.low = 1, .high = most}, .members = {offset_of(&TrainConfig::threads)}};
  made.read = [](TrainConfig& c, const std::string& option, const std::string& text) {
    const std::int64_t value = read_integer(option, text);
    TERSEGRAD_CHECK(value >= 1 && value <= most, option, " is ", value, " (must be 1 to ", most, ")");
    c.threads = static_cast<int>(value);
  };
  made.value = [](const TrainConfig& c) { return static_cast<std::int64_t>(c.threads); };
  made.check = [](const TrainConfig& c, const std::string& option) {
    TERSEGRAD_CHECK(c.threads >= 1, option, " is ", c.threads, " (must be at least 1)");
  };
  return completed(made);
}

/// Sinks that are named and would have nowhere to write.
std::string homeless_sinks(const TrainConfig& c) {
  std::vector<std::string> names;
  for (const auto& sink : c.sinks) {
    if (SinkRegistry::instance().make(sink)->needs_folder()) names.push_back(Spec::parse(sink).name);
  }
  return join(names);
}

bool writes_nothing(const TrainConfig& c) { return c.out.empty(); }
constexpr const char* nothing_written = "without --out nothing is written";

}  // namespace

std::vector<Option> output_options() {
  static const TrainConfig defaults;
  return {
      {.name = "out", .help = "folder for run.h5, metrics.csv, summary.json; none: nothing is written",
       .field = field::path(&TrainConfig::out, "must be a folder's name; without --out nothing is written")},
      {.name = "overwrite",
       .help = "replace the run that the folder holds; =checkpoints: also one that is unfinished and has checkpoints",
       .field = overwrite(), .without_value = "run", .unused = {{writes_nothing, nothing_written}}},
      {.name = "checkpoint-every", .help = "checkpoints in OUT/checkpoints: every so many steps, or minutes (30min); 0: none",
       .unit = "steps", .field = checkpoint_interval(), .line = 34, .may_differ = true, .fits = require_resumable_log},
      {.name = "keep", .help = "checkpoints kept, the newest ones", .unit = "checkpoints",
       .field = field::integer(&TrainConfig::keep, 1), .line = 35, .may_differ = true,
       .unused = {{[](const TrainConfig& c) { return c.keep != defaults.keep && !c.checkpoints(); },
                   "without --checkpoint-every there are no checkpoints"}}},
      {.name = "resume",
       .help = "go on with the run in this folder from its newest checkpoint, with its options (give no others, or more --steps); "
               "auto: go on with the run in --out if there is one to go on with, else start it",
       .field = field::none(ValueKind::path, {"auto"})},
      {.name = "stall-timeout", .help = "seconds without progress on a rank that end the run; 0: never", .unit = "s",
       .field = field::not_negative(&TrainConfig::stall_timeout), .line = 36, .may_differ = true},
      {.name = "log", .help = "log sinks, separated by commas", .field = field::list(&TrainConfig::sinks), .line = 37, .in_run_file = false,
       .unused = {{writes_nothing, nothing_written, false, homeless_sinks}}},
      {.name = "log-every", .help = "steps between log records; auto: all of 10000 steps, of more 10000 in all", .unit = "steps",
       .field = log_interval(), .fallback = "auto", .line = 31},
      {.name = "eval-every", .help = "steps between evaluations on the test set; 0: at the end only; -1: never", .unit = "steps",
       .field = field::integer(&TrainConfig::eval_every, -1), .line = 29, .only_for = ModelKind::network,
       .unused = {{[](const TrainConfig& c) { return c.eval_every > 0 && c.sde > 0; }, "--sde evaluates at its end only"}}},
      {.name = "eval-samples",
       .help = concat("test rows of every evaluation, evenly spaced: a number, all, or auto: as many as have ", default_eval_labels,
                      " labels (a token of a sequence is one)"),
       .unit = "rows", .field = evaluated_samples(), .line = 30, .only_for = ModelKind::network, .fits = require_evaluations},
      {.name = "noise-report", .help = "steps between measurements of the agents' gradient noise; 0: none", .unit = "steps",
       .field = field::integer(&TrainConfig::noise_report, 0), .line = 32,
       .unused = {{[](const TrainConfig& c) { return c.noise_report > 0 && c.sde > 0; }, "--sde draws no gradients"}},
       .fits = require_measurable_noise},
      {.name = "threads", .help = "LibTorch threads per rank; more than 1 changes the order of sums",
       .field = threads(), .line = 33, .may_differ = true},
      {.name = "help", .help = "this text", .field = field::none(ValueKind::flag), .letter = 'h'},
  };
}

}  // namespace tersegrad
