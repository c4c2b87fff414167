// The options of a run: what is refused, and what its line in a checkpoint says.
#include "tersegrad/train/options/config.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <sstream>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

using Change = std::function<void(TrainConfig&)>;

TrainConfig changed(const Change& change) {
  TrainConfig config;
  change(config);
  return config;
}

std::string refusal(const TrainConfig& config) {
  try {
    config.validate();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> lines_of(const TrainConfig& config) {
  std::istringstream text(config.lines());
  std::vector<std::string> all;
  for (std::string line; std::getline(text, line);) all.push_back(line);
  return all;
}

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

TEST(TrainConfig, TheDefaultsAreValid) { EXPECT_EQ(refusal(TrainConfig()), ""); }

TEST(TrainConfig, AnImpossibleValueIsRefusedInOneLineThatNamesTheOption) {
  struct Case {
    const char* option;
    Change change;
  };
  const Case cases[] = {
      {"--lr", [](auto& c) { c.lr = 0; }},
      {"--lr", [](auto& c) { c.lr = nan; }},
      {"--lr", [](auto& c) { c.lr = infinity; }},
      {"--samples", [](auto& c) { c.samples = -1; }},
      {"--replicas", [](auto& c) { c.replicas = 0; }},
      {"--replicas", [](auto& c) { c.replicas = 1'000'000'001; }},
      {"--agents", [](auto& c) { c.agents = -1; }},
      {"--agents", [](auto& c) { c.agents = 1 << 24; }},
      {"--noise-batch", [](auto& c) { c.noise_batch = 0; }},
      {"--bucket", [](auto& c) { c.bucket = 0; }},
      {"--warmup", [](auto& c) { c.warmup = -1; }},
      {"--steps", [](auto& c) { c.steps = 0; }},
      {"--sde", [](auto& c) { c.sde = -1; }},
      {"--eval-every", [](auto& c) { c.eval_every = -2; }},
      {"--eval-samples", [](auto& c) { c.eval_samples = -2; }},
      {"--eval-samples", [](auto& c) { c.eval_every = -1, c.eval_samples = 10; }},
      {"--log-every", [](auto& c) { c.log_every = 0; }},
      {"--noise-report", [](auto& c) { c.noise_report = -1; }},
      {"--noise-report", [](auto& c) { c.noise_report = c.steps + 1; }},
      {"--noise-report", [](auto& c) { c.noise_report = 1, c.batch = 0; }},
      {"--threads", [](auto& c) { c.threads = 0; }},
      {"--overlap", [](auto& c) { c.overlap = true, c.batch = 0; }},
      {"--overlap", [](auto& c) { c.overlap = true, c.clip_norm = 1; }},
      {"--skew", [](auto& c) { c.skew = -1; }},
      {"--clip-norm", [](auto& c) { c.clip_norm = nan; }},
      {"--weight-decay", [](auto& c) { c.weight_decay = -1; }},
      {"--momentum", [](auto& c) { c.momentum = 1; }},
      {"--momentum", [](auto& c) { c.momentum = -0.1; }},
      {"--momentum", [](auto& c) { c.momentum = nan; }},
      {"--checkpoint-every", [](auto& c) { c.checkpoint_every = -1; }},
      {"--checkpoint-every", [](auto& c) { c.checkpoint_minutes = -1; }},
      {"--checkpoint-every", [](auto& c) { c.checkpoint_every = 5; }},  // no folder
      {"--checkpoint-every", [](auto& c) { c.checkpoint_every = 5, c.out = "runs/a", c.sinks = {"csv"}; }},
      {"--keep", [](auto& c) { c.keep = 0; }},
      {"--stall-timeout", [](auto& c) { c.stall_timeout = -1; }},
      {"--sampling", [](auto& c) { c.sampling = "none"; }},
      {"--model", [](auto& c) { c.model = "mlp\n"; }},
      {"--start", [](auto& c) { c.start = "1\t2"; }},
      {"--data", [](auto& c) { c.data = "a\nb"; }},
      {"--out", [](auto& c) { c.out = "a\nb"; }},
  };
  for (const auto& [option, change] : cases) {
    const std::string said = refusal(changed(change));
    EXPECT_NE(said.find(option), std::string::npos) << option << ": '" << said << "'";
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  }
}

TEST(TrainConfig, TheLastPossibleValuesAreAccepted) {
  const Change changes[] = {
      [](auto& c) { c.lr = std::numeric_limits<double>::denorm_min(); },
      [](auto& c) { c.agents = (1 << 24) - 1, c.replicas = 1'000'000'000; },
      [](auto& c) { c.eval_every = -1, c.samples = 0, c.skew = 0, c.bucket = 1, c.steps = 1, c.keep = 1; },
      [](auto& c) { c.momentum = std::nextafter(1.0, 0.0); },
      [](auto& c) { c.noise_report = c.steps; },
      [](auto& c) { c.noise_report = 1, c.batch = 0, c.noise = "gaussian:1"; },
      [](auto& c) { c.overlap = true; },
      [](auto& c) { c.checkpoint_every = 1, c.out = "runs/a", c.sinks = {"csv", "hdf5", "jsonl"}; },
      [](auto& c) { c.checkpoint_minutes = 0.5, c.out = "runs/a", c.sinks = {"hdf5"}; },
      [](auto& c) { c.stall_timeout = 0; }};
  for (const auto& change : changes) EXPECT_EQ(refusal(changed(change)), "");
}

/// What ranks compare and a checkpoint keeps: an option that is missing there could differ unseen.
TEST(TrainConfig, EveryOptionOfTheTrajectoryChangesExactlyItsLine) {
  struct Case {
    const char* line;  ///< as it becomes
    Change change;
  };
  const Case cases[] = {
      {"model = resnet", [](auto& c) { c.model = "resnet"; }},
      {"dataset = cifar10", [](auto& c) { c.dataset = "cifar10"; }},
      {"data = /d", [](auto& c) { c.data = "/d"; }},
      {"samples = 7", [](auto& c) { c.samples = 7; }},
      {"replicas = 7", [](auto& c) { c.replicas = 7; }},
      {"start = 1,2", [](auto& c) { c.start = "1,2"; }},
      {"skew = 0.1", [](auto& c) { c.skew = 0.1; }},
      {"agents = 7", [](auto& c) { c.agents = 7; }},
      {"batch = 7", [](auto& c) { c.batch = 7; }},
      {"batch = full", [](auto& c) { c.batch = 0; }},
      {"sampling = iid", [](auto& c) { c.sampling = "iid"; }},
      {"compressor = sign", [](auto& c) { c.compressor = "sign"; }},
      {"noise = gaussian:1", [](auto& c) { c.noise = "gaussian:1"; }},
      {"noise_batch = 7", [](auto& c) { c.noise_batch = 7; }},
      {"exchange = sharded", [](auto& c) { c.exchange = "sharded"; }},
      {"bucket = 128", [](auto& c) { c.bucket = 128; }},
      {"verify = 0", [](auto& c) { c.verify = false; }},
      {"overlap = 1", [](auto& c) { c.overlap = true; }},
      {"lr = 0.10000000000000002", [](auto& c) { c.lr = std::nextafter(0.1, 1.0); }},  // with all digits
      {"schedule = cosine", [](auto& c) { c.schedule = "cosine"; }},
      {"warmup = 7", [](auto& c) { c.warmup = 7; }},
      {"momentum = 0.9", [](auto& c) { c.momentum = 0.9; }},
      {"weight_decay = 1e-05", [](auto& c) { c.weight_decay = 1e-5; }},
      {"clip_norm = 2.5", [](auto& c) { c.clip_norm = 2.5; }},
      {"steps = 7", [](auto& c) { c.steps = 7; }},
      {"sde = 7", [](auto& c) { c.sde = 7; }},
      {"seed = 7", [](auto& c) { c.seed = 7; }},
      {"init_seed = 7", [](auto& c) { c.init_seed = 7; }},
      {"nonfinite = skip", [](auto& c) { c.nonfinite = NonfinitePolicy::skip; }},
      {"nonfinite = keep", [](auto& c) { c.nonfinite = NonfinitePolicy::keep; }},
      {"eval_every = 7", [](auto& c) { c.eval_every = 7; }},
      {"eval_samples = 7", [](auto& c) { c.eval_samples = 7; }},
      {"eval_samples = all", [](auto& c) { c.eval_samples = -1; }},
      {"log_every = 7", [](auto& c) { c.log_every = 7; }},
      {"noise_report = 7", [](auto& c) { c.noise_report = 7; }},
      {"threads = 7", [](auto& c) { c.threads = 7; }},
      {"checkpoint_every = 7", [](auto& c) { c.checkpoint_every = 7; }},
      {"checkpoint_every = 0.5min", [](auto& c) { c.checkpoint_minutes = 0.5; }},
      {"keep = 7", [](auto& c) { c.keep = 7; }},
      {"stall_timeout = 0.5", [](auto& c) { c.stall_timeout = 0.5; }},
      {"log = csv,hdf5", [](auto& c) { c.sinks = {"csv", "hdf5"}; }}};
  const auto before = lines_of(TrainConfig());
  std::set<std::string> seen;
  for (const auto& [line, change] : cases) {
    const auto after = lines_of(changed(change));
    ASSERT_EQ(after.size(), before.size());
    std::vector<std::string> differing;
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i] != before[i]) differing.push_back(after[i]);
    }
    EXPECT_EQ(differing, std::vector<std::string>{line});
    seen.insert(std::string(line).substr(0, std::string(line).find(" = ")));
  }
  // A new option is to be added here too.
  for (const auto& line : before) EXPECT_TRUE(seen.contains(line.substr(0, line.find(" = ")))) << line;
}

TEST(TrainConfig, WhereARunWritesIsNoPartOfIt) {
  const auto before = TrainConfig().lines();
  EXPECT_EQ(changed([](auto& c) { c.out = "runs/a", c.overwrite = c.overwrite_checkpoints = true; }).lines(), before);
}

TEST(TrainConfig, WhatARunRecordsHasUnitsAndTheSameKeysAsItsLines) {
  const auto config = changed([](auto& c) { c.batch = 0, c.seed = 1ull << 40; });
  const auto fields = config.describe();
  const auto lines = lines_of(config);
  ASSERT_EQ(lines.size(), fields.size() + 1);  // and the log sinks
  for (std::size_t i = 0; i < fields.size(); ++i) EXPECT_EQ(lines[i].substr(0, lines[i].find(" = ")), fields[i].key);
  const auto unit = [&](const char* key) { return find_field(fields, key)->unit; };
  EXPECT_EQ(unit("bucket"), "coordinates");
  EXPECT_EQ(unit("steps"), "steps");
  EXPECT_EQ(unit("stall_timeout"), "s");
  EXPECT_EQ(unit("lr"), "");
  EXPECT_EQ(find_field(fields, "batch")->value, LogValue(std::string("full")));
  EXPECT_EQ(find_field(fields, "seed")->value, LogValue(std::int64_t{1} << 40));
}

}  // namespace
}  // namespace tersegrad
