#include "tersegrad/train/config.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/readers/folder.hpp"
#include "tersegrad/train/records/evaluated_rows.hpp"

namespace tersegrad {

std::string to_string(NonfinitePolicy policy) {
  return policy == NonfinitePolicy::stop ? "stop" : policy == NonfinitePolicy::skip ? "skip" : "keep";
}

NonfinitePolicy parse_nonfinite(const std::string& text) {
  for (const auto policy : {NonfinitePolicy::stop, NonfinitePolicy::skip, NonfinitePolicy::keep}) {
    if (text == to_string(policy)) return policy;
  }
  throw Error(concat("--nonfinite is '", text, "' (must be one of: stop, skip, keep)"));
}

namespace {

/// With all its digits.
std::string exact_text(const LogValue& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    char digits[40];
    return {digits, std::to_chars(digits, digits + sizeof digits, *number).ptr};
  }
  return std::visit([](const auto& other) { return concat(other); }, value);
}

/// A run goes on with the log that it finds in run.h5: other files are written anew from it.
void require_resumable_log(const std::vector<std::string>& sinks) {
  const auto has = [&](const std::string& name) {
    return std::any_of(sinks.begin(), sinks.end(),
                       [&](const std::string& sink) { return Spec::parse(sink).name == name; });
  };
  for (const char* file : {"csv", "jsonl"}) {
    TERSEGRAD_CHECK(!has(file) || has("hdf5"), "--checkpoint-every needs the log sink 'hdf5' beside '", file,
                    "' (a resumed run takes the records of its past from run.h5)");
  }
}

std::string eval_samples_text(std::int64_t rows) {
  return rows == eval_rows_by_labels ? "auto" : rows == eval_all_rows ? "all" : std::to_string(rows);
}

std::string option_of(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return "--" + key;
}

}  // namespace

LogFields TrainConfig::describe() const {
  return {{"model", model, ""},
          {"dataset", dataset, ""},
          {"data", data.string(), ""},
          {"samples", samples, "rows"},
          {"replicas", replicas, ""},
          {"start", start, ""},
          {"skew", skew, ""},
          {"agents", agents, ""},
          {"batch", batch == 0 ? std::string("full") : std::to_string(batch), "rows"},
          {"sampling", sampling, ""},
          {"compressor", compressor, ""},
          {"noise", noise, ""},
          {"noise_batch", noise_batch, "rows"},
          {"exchange", exchange, ""},
          {"bucket", bucket, "coordinates"},
          {"verify", verify, ""},
          {"overlap", overlap, ""},
          {"lr", lr, ""},
          {"schedule", schedule, ""},
          {"warmup", warmup, "steps"},
          {"momentum", momentum, ""},
          {"weight_decay", weight_decay, ""},
          {"clip_norm", clip_norm, ""},
          {"steps", steps, "steps"},
          {"sde", sde, "time steps per step"},
          {"seed", static_cast<std::int64_t>(seed), ""},
          {"init_seed", static_cast<std::int64_t>(init_seed), ""},
          {"nonfinite", to_string(nonfinite), ""},
          {"eval_every", eval_every, "steps"},
          {"eval_samples", eval_samples_text(eval_samples), "rows"},
          {"log_every", log_every, "steps"},
          {"noise_report", noise_report, "steps"},
          {"threads", static_cast<std::int64_t>(threads), ""},
          {"checkpoint_every",
           checkpoint_minutes > 0 ? exact_text(checkpoint_minutes) + "min" : std::to_string(checkpoint_every), "steps"},
          {"keep", keep, "checkpoints"},
          {"stall_timeout", stall_timeout, "s"}};
}

std::string TrainConfig::lines() const {
  std::string text;
  for (const auto& field : describe()) text += field.key + " = " + exact_text(field.value) + "\n";
  std::string all;
  for (const auto& sink : sinks) all += (all.empty() ? "" : ",") + sink;
  return text + "log = " + all + "\n";
}

std::vector<std::pair<std::string, std::string>> parse_lines(const std::string& lines) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::istringstream text(lines);
  for (std::string line; std::getline(text, line);) {
    const auto at = line.find(" = ");
    TERSEGRAD_CHECK(at != std::string::npos && at > 0, "a checkpoint's configuration has the line '", line,
                    "' (must be: key = value)");
    pairs.emplace_back(line.substr(0, at), line.substr(at + 3));
  }
  return pairs;
}

bool may_differ(const std::string& key) {
  static const std::set<std::string> free{"data",    "exchange", "bucket", "overlap",      "steps",
                                          "threads", "verify", "checkpoint_every", "keep", "stall_timeout"};
  return free.contains(key);
}

void require_same_run(const std::string& checkpoint_lines, const TrainConfig& config) {
  std::map<std::string, std::string> before;
  for (auto& [key, value] : parse_lines(checkpoint_lines)) before[key] = value;
  for (const auto& [key, value] : parse_lines(config.lines())) {
    if (may_differ(key)) continue;
    const auto found = before.find(key);
    TERSEGRAD_CHECK(found != before.end(), "the checkpoint was written without an option that this program has: ", key);
    TERSEGRAD_CHECK(found->second == value, "the run to resume has ", option_of(key), " '", found->second, "', not '",
                    value, "' (a run goes on as it began; leave the option out)");
  }
}

void TrainConfig::resolve_data_folder() {
  if (dataset == "none" || built_in_datasets().contains(Spec::parse(dataset).name)) {
    data.clear();
  } else {
    data = data.empty() ? default_data_folder() : std::filesystem::absolute(data).lexically_normal();
  }
}

void TrainConfig::validate() const {
  for (const auto& field : describe()) {
    const auto* const text = std::get_if<std::string>(&field.value);
    if (text != nullptr) require_printable(*text, option_of(field.key));
  }
  require_printable(out.string(), "--out");
  const auto at_least = [](const char* option, std::int64_t value, std::int64_t low) {
    TERSEGRAD_CHECK(value >= low, "--", option, " is ", value, " (must be at least ", low, ")");
  };
  const auto not_negative = [](const char* option, double value) {
    TERSEGRAD_CHECK(std::isfinite(value) && value >= 0, "--", option, " is ", value,
                    " (must be 0 or a positive number)");
  };
  TERSEGRAD_CHECK(std::isfinite(lr) && lr > 0, "--lr is ", lr, " (must be a positive number)");
  at_least("samples", samples, 0);
  at_least("replicas", replicas, 1);
  at_least("agents", agents, 0);
  at_least("noise-batch", noise_batch, 1);
  at_least("bucket", bucket, 1);
  at_least("warmup", warmup, 0);
  at_least("steps", steps, 1);
  at_least("sde", sde, 0);
  at_least("eval-every", eval_every, -1);
  at_least("eval-samples", eval_samples, eval_all_rows);
  TERSEGRAD_CHECK(eval_every >= 0 || eval_samples == eval_rows_by_labels,
                  "--eval-samples means nothing with --eval-every -1 (no evaluations)");
  at_least("log-every", log_every, 1);
  at_least("noise-report", noise_report, 0);
  at_least("threads", threads, 1);
  TERSEGRAD_CHECK(!overlap || (batch > 0 && clip_norm == 0),
                  "--overlap sends parts of a mini-batch's gradient: not with --batch full or --clip-norm");
  TERSEGRAD_CHECK(replicas <= 1'000'000'000, "--replicas is ", replicas, " (must be at most 10^9)");
  not_negative("skew", skew);
  not_negative("clip-norm", clip_norm);
  not_negative("weight-decay", weight_decay);
  TERSEGRAD_CHECK(agents < (1 << 24), "--agents is ", agents, " (must be below 2^24)");
  TERSEGRAD_CHECK(momentum >= 0 && momentum < 1, "--momentum is ", momentum, " (must be at least 0 and below 1)");
  TERSEGRAD_CHECK(
      noise_report == 0 || batch > 0 || noise != "none",
      "--noise-report has nothing to measure with --batch full and --noise none (all agents have the same gradient)");
  TERSEGRAD_CHECK(noise_report <= steps, "--noise-report is ", noise_report, " (must be at most --steps, ", steps,
                  ", for a report to be made)");
  at_least("checkpoint-every", checkpoint_every, 0);
  not_negative("checkpoint-every", checkpoint_minutes);
  at_least("keep", keep, 1);
  not_negative("stall-timeout", stall_timeout);
  TERSEGRAD_CHECK(!checkpoints() || !out.empty(),
                  "--checkpoint-every needs a folder for the checkpoints; give one with --out");
  if (checkpoints()) require_resumable_log(sinks);
  TERSEGRAD_CHECK(sampling == "shuffle" || sampling == "iid", "--sampling is '", sampling,
                  "' (must be one of: shuffle, iid)");
}

}  // namespace tersegrad
