#include "apps/tersegrad/train/resume_auto.hpp"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <span>

#include "tersegrad/comm/mpi/collectively.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/log/read/held_run.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"
#include "tersegrad/train/options/option.hpp"

namespace tersegrad {
namespace {

/// A batch script that was changed, with its folder left as it was, must not be told that its run is finished.
void require_this_run(const OptionValues& given, const TrainConfig& config, const std::string& run) {
  LogFields before;
  try {
    before = read_in_subprocess(config.out, {}).configuration;
  } catch (const Error&) {
    return;  // without a run.h5, or with a damaged one: nobody knows
  }
  for (const auto& field : config.describe()) {
    const std::string option = option_name(field.key);
    const bool said = given.contains(option) || (option == "compressor" && given.contains("sign-zero"));
    if (!said || may_differ(field.key) || (option == "agents" && config.agents == 0)) continue;
    const LogField* const found = find_field(before, field.key);
    if (found == nullptr || found->value == field.value) continue;
    const auto text = [](const LogValue& value) {
      return std::visit([](const auto& plain) { return concat(plain); }, value);
    };
    throw Error(concat(run, " is finished, and has --", option, " '", text(found->value), "', not '",
                       text(field.value), "'; choose another --out, or replace it with --overwrite"));
  }
}

bool writes_summary(const TrainConfig& config) {
  return config.sinks.empty() || std::any_of(config.sinks.begin(), config.sinks.end(),
                                             [](const std::string& sink) { return Spec::parse(sink).name == "summary"; });
}

NextStart decide(const OptionValues& given, TrainConfig& config, std::string& said) {
  const HeldRun held = look_at_run(config.out);
  const std::string run = concat("the run in '", config.out.string(), "'");
  if (held.files.empty()) return NextStart::anew;
  // A log that is whole without the summary that belongs to it: the process ended in between.
  if (!held.finished || (writes_summary(config) && !held.summarized && !held.checkpoints.empty())) {
    if (!held.checkpoints.empty()) return NextStart::resumed;
    said = concat(run, " has left no checkpoint to go on from: it starts again");
    config.overwrite = true;
    return NextStart::anew;
  }
  if (config.overwrite) return NextStart::anew;
  require_this_run(given, config, run);
  if (!held.diverged && held.steps >= 0 && given.contains("steps") && config.steps > held.steps) {
    TERSEGRAD_CHECK(!held.checkpoints.empty(), run, " is finished (", held.steps,
                    " steps) and has kept no checkpoint to go on from to ", config.steps,
                    "; choose another --out, or replace it with --overwrite");
    return NextStart::resumed;
  }
  said = concat(run, held.diverged ? " diverged" : " is finished",
                held.steps >= 0 ? concat(" (", held.steps, " steps)") : std::string(), ": nothing is left to do");
  return NextStart::finished;
}

}  // namespace

NextStart next_start(const Communicator& world, const OptionValues& given, TrainConfig& config) {
  std::int64_t answer[2] = {0, 0};  // NextStart, config.overwrite
  std::string said;
  collectively(world, [&] {
    if (world.rank() != 0) return;
    const auto next = decide(given, config, said);
    answer[0] = static_cast<std::int64_t>(next);
    answer[1] = config.overwrite ? 1 : 0;
  });
  world.broadcast(std::as_writable_bytes(std::span(answer)), 0);
  config.overwrite = answer[1] != 0;
  if (!said.empty()) std::cout << "tersegrad: " << said << "\n" << std::flush;
  return static_cast<NextStart>(answer[0]);
}

OptionValues matched_options(const TrainConfig& config, const OptionValues& given) {
  OptionValues chosen;
  for (const auto& [key, value] : parse_lines(config.lines())) {
    const bool is_chosen = key == "lr" || key == "batch" || (key == "noise_batch" && config.batch == 0) ||
                           (key == "compressor" && !given.contains("compressor")) || (key == "agents" && config.agents > 0);
    if (is_chosen) chosen.give(option_name(key), value);
  }
  return chosen;
}

}  // namespace tersegrad
