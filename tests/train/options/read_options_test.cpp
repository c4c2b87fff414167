// From options to a configuration, to lines, and back.
#include "tersegrad/train/options/read_options.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tersegrad/core/error.hpp"
#include "tersegrad/train/options/option_table.hpp"
#include "train/options/random_options.hpp"

namespace tersegrad {
namespace {

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

OptionValues values_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  OptionValues values;
  for (const auto& [option, text] : pairs) values.give(option, text);
  return values;
}

/// A configuration from its own lines; where it is written is in none of them.
TrainConfig restored(const TrainConfig& config) {
  TrainConfig again = read_options(OptionValues::of_lines(config.lines()));
  again.out = config.out;
  again.overwrite = config.overwrite;
  again.overwrite_checkpoints = config.overwrite_checkpoints;
  return again;
}

TEST(ReadOptions, NothingGivenIsTheDefaultConfiguration) { EXPECT_EQ(read_options({}), TrainConfig()); }

TEST(ReadOptions, AConfigurationComesBackFromItsLines) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    RandomOptions random(seed);
    const TrainConfig config = read_options(random.some(random.coin() ? ModelKind::network : ModelKind::landscape));
    const TrainConfig again = restored(config);
    ASSERT_EQ(config.lines(), again.lines()) << "seed " << seed;
    ASSERT_EQ(config, again) << "seed " << seed << ": a member that no line keeps\n" << config.lines();
  }
}

/// Every option with another value than its default, one by one: what is given arrives, in its own member and no other.
TEST(ReadOptions, EveryOptionSetsItsMembers) {
  for (const Option& option : train_options()) {
    if (option.field.members.empty()) continue;
    SCOPED_TRACE(option.name);
    const std::string model = option.only_for == ModelKind::landscape ? "rosenbrock" : "mlp";
    const TrainConfig before = read_options(values_of({{"model", model}}));
    RandomOptions random(7);
    TrainConfig after = before;
    for (int tries = 0; tries < 100 && after == before; ++tries) {
      const std::string text = option.name == "model" ? "vit" : random.text(option);
      after = read_options(values_of({{"model", model}, {option.name, text}}));
    }
    EXPECT_NE(after, before);
    EXPECT_EQ(restored(after), after);
    for (const Option& other : train_options()) {
      const bool follows = other.name == "log-every" && option.name == "steps";  // --log-every auto
      const bool chosen = other.name == "lr" && option.name == "compressor";     // --lr auto
      if (!other.field.text || other.field.members.empty() || other.name == option.name || follows || chosen) continue;
      EXPECT_EQ(other.field.text(after), other.field.text(before)) << other.name;
    }
  }
}

TEST(ReadOptions, ARunGoesOnWithWhatMayDifferAndNothingElse) {
  const std::string lines = TrainConfig().lines();
  for (const Option* option : recorded_options()) {
    SCOPED_TRACE(option->name);
    RandomOptions random(11);
    TrainConfig config;
    while (config == TrainConfig()) option->field.read(config, option->spelling(), random.text(*option));
    const std::string said = error_of([&] { require_same_run(lines, config); });
    EXPECT_EQ(said.empty(), may_differ(option->key())) << said;
    EXPECT_TRUE(said.empty() || said.starts_with("the run to resume has " + option->spelling() + " '")) << said;
  }
}

TEST(ReadOptions, WhatMayDifferIsThis) {
  std::vector<std::string> free;
  for (const Option& option : train_options()) {
    if (option.may_differ) free.push_back(option.name);
  }
  EXPECT_EQ(free, (std::vector<std::string>{"data", "exchange", "bucket", "verify", "overlap", "steps", "checkpoint-every", "keep",
                                            "stall-timeout", "threads"}));
  EXPECT_FALSE(may_differ("no_such"));
}

TEST(ReadOptions, TheCommandLineReplacesWhatACheckpointSays) {
  TrainConfig run;
  run.steps = 30;
  run.verify = false;
  run.overlap = true;
  run.sinks = {"hdf5", "csv"};
  OptionValues values = OptionValues::of_lines(run.lines());
  EXPECT_EQ(read_options(values), run);
  values.override_with(values_of({{"steps", "40"}, {"verify", "on"}, {"log", "hdf5"}}));
  const TrainConfig config = read_options(values);
  EXPECT_EQ(config.steps, 40);
  EXPECT_TRUE(config.verify && config.overlap);
  EXPECT_EQ(config.sinks, std::vector<std::string>{"hdf5"});
}

TEST(ReadOptions, LinesThatNobodyWroteAreRefused) {
  const std::string lines = TrainConfig().lines();
  EXPECT_NE(error_of([&] { OptionValues::of_lines(lines + "no_such = 1\n"); }).find("Option 'no-such' does not exist"), std::string::npos);
  EXPECT_NE(error_of([&] { OptionValues::of_lines(lines + "no line\n"); }).find("no line"), std::string::npos);
  EXPECT_NE(error_of([&] { OptionValues::of_lines(lines + "noise = \x1b[2J\n"); }).find("--noise"), std::string::npos);
  EXPECT_EQ(error_of([&] { read_options(OptionValues::of_lines(lines + "steps = many\n")); }), "--steps is 'many' (must be a whole number)");
}

TEST(ReadOptions, DefaultsFollowOtherOptions) {
  EXPECT_EQ(read_options(values_of({{"compressor", "sign"}})).lr, 0.001);
  EXPECT_EQ(read_options(values_of({{"compressor", "signum:0.9"}})).lr, 0.001);
  EXPECT_EQ(read_options(values_of({{"compressor", "sign"}, {"lr", "0.5"}})).lr, 0.5);
  EXPECT_EQ(read_options(values_of({{"compressor", "topk:0.1"}})).lr, 0.1);
  EXPECT_EQ(read_options(values_of({{"steps", "10000"}})).log_every, 1);
  EXPECT_EQ(read_options(values_of({{"steps", "10001"}})).log_every, 2);
  EXPECT_EQ(read_options(values_of({{"compressor", "sign"}, {"sign-zero", "plus"}})).compressor, "sign:zero=plus");
  EXPECT_EQ(error_of([] { read_options(values_of({{"sign-zero", "plus"}})); }), "--sign-zero means nothing to compressor 'none'");
}

TEST(ReadOptions, CheckpointsAreMadeEverySoManyStepsOrMinutes) {
  EXPECT_EQ(read_options(values_of({{"checkpoint-every", "20"}})).checkpoint_every, 20);
  const TrainConfig minutes = read_options(values_of({{"checkpoint-every", "0.3min"}}));
  EXPECT_EQ(minutes.checkpoint_minutes, 0.3);
  EXPECT_EQ(restored(minutes), minutes);
  for (const char* text : {"min", "-3min", "0min", "0.5", "x", "nanmin"}) {
    EXPECT_NE(error_of([&] { read_options(values_of({{"checkpoint-every", text}})); }).find("such as 30min"), std::string::npos) << text;
  }
}

TEST(ReadOptions, OptionsOfTheOtherKindOfModelAreRefused) {
  RandomOptions random(3);
  for (const Option& option : train_options()) {
    if (!option.only_for) continue;
    SCOPED_TRACE(option.name);
    const bool of_network = option.only_for == ModelKind::network;
    std::string text = random.text(option);
    if (option.name == "batch") text = "8";
    const std::string said =
        error_of([&] { read_options(values_of({{"model", of_network ? "rosenbrock" : "mlp"}, {option.name, text}})); });
    EXPECT_NE(said.find("landscape"), std::string::npos) << said;
    EXPECT_NE(said.find(option.spelling()), std::string::npos) << said;
  }
  const TrainConfig landscape = read_options(values_of({{"model", "rosenbrock"}, {"batch", "full"}}));
  EXPECT_EQ(landscape.batch, 0);
  EXPECT_EQ(landscape.dataset, "none");
  EXPECT_EQ(restored(landscape), landscape);
}

}  // namespace
}  // namespace tersegrad
