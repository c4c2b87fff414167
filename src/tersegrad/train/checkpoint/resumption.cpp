#include "tersegrad/train/checkpoint/resumption.hpp"

#include <cstring>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/train/step/schedule.hpp"

namespace tersegrad {
namespace {

void require_same_schedule(const CheckpointView& checkpoint, const TrainConfig& config) {
  const auto done = static_cast<std::int64_t>(checkpoint.step);
  std::int64_t planned = config.steps;
  for (const auto& [key, value] : parse_lines(configuration_of(checkpoint))) {
    if (key == "steps")
      TERSEGRAD_CHECK(parse_integer(value, planned), "a checkpoint's configuration has --steps '", value, "'");
  }
  const bool made = done == config.steps && done == planned;  // all that the run was to make
  TERSEGRAD_CHECK(made || done < config.steps, "the run to resume has made ", done,
                  " steps; give more --steps than that to go on");
  if (planned == config.steps || planned < 1) return;
  const auto warmup = static_cast<std::uint64_t>(config.warmup);
  const LearningRate before(config.lr, static_cast<std::uint64_t>(planned), warmup, config.schedule);
  const LearningRate now(config.lr, static_cast<std::uint64_t>(config.steps), warmup, config.schedule);
  for (std::uint64_t k = 0; k < checkpoint.step; ++k) {
    TERSEGRAD_CHECK(before.at(k) == now.at(k), "--steps ", config.steps, " would have given step ", k + 1,
                    " of the run to resume another learning rate (--schedule ", config.schedule,
                    " depends on the number of steps, which was ", planned, ")");
  }
}

}  // namespace

std::span<const std::byte> sized_section(const CheckpointView& checkpoint, const std::string& name,
                                         std::uint64_t bytes) {
  const auto section = checkpoint.section(name);
  TERSEGRAD_CHECK(section.size() == bytes, "the checkpoint of step ", checkpoint.step,
                  " does not fit this run: section '", name, "' has ", section.size(), " bytes (expected ", bytes, ")");
  return section;
}

std::string configuration_of(const CheckpointView& checkpoint) {
  const auto text = checkpoint.section("configuration");
  std::string lines(reinterpret_cast<const char*>(text.data()), text.size());
  // Earlier versions had no --eval-samples: they took all test rows, where they evaluated at all.
  if (!lines.empty() && lines.find("\neval_samples = ") == std::string::npos) {
    const bool none = lines.find("\neval_every = -1\n") != std::string::npos ||
                      lines.find("\ndataset = none\n") != std::string::npos;
    lines += none ? "eval_samples = auto\n" : "eval_samples = all\n";
  }
  return lines;
}

std::string compute_history_of(const CheckpointView& checkpoint) {
  for (const CheckpointSection& section : checkpoint.sections) {
    if (section.name == "compute") return {reinterpret_cast<const char*>(section.bytes.data()), section.bytes.size()};
  }
  return "";
}

void require_resumable(const CheckpointView& checkpoint, const TrainConfig& config) {
  require_same_run(configuration_of(checkpoint), config);
  require_same_schedule(checkpoint, config);
}

RunCounters counters_of(const CheckpointView& checkpoint) {
  const auto section = checkpoint.section("counters");
  std::vector<std::uint64_t> words(section.size() / sizeof(std::uint64_t));
  TERSEGRAD_CHECK(words.size() * sizeof(std::uint64_t) == section.size(), "a checkpoint's counters are no whole words");
  if (!words.empty()) std::memcpy(words.data(), section.data(), section.size());
  RunCounters counters = RunCounters::from_words(words);
  TERSEGRAD_CHECK(counters.steps == static_cast<std::int64_t>(checkpoint.step), "a checkpoint of step ", checkpoint.step,
                  " has counted ", counters.steps, " steps");
  return counters;
}

std::vector<double> held_record_of(const CheckpointView& checkpoint) {
  for (const auto& section : checkpoint.sections) {
    if (section.name != held_record_section) continue;
    std::vector<double> values(section.bytes.size() / sizeof(double));
    TERSEGRAD_CHECK(values.size() * sizeof(double) == section.bytes.size() && !values.empty(),
                    "a checkpoint's record is no whole numbers");
    std::memcpy(values.data(), section.bytes.data(), section.bytes.size());
    return values;
  }
  return {};
}

}  // namespace tersegrad
