// The table of options: it has an entry for every member of TrainConfig, and what files keep of them does not change.
#include "tersegrad/train/options/option_table.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>
#include <sstream>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

/// Converts to the type of any member.
struct AnyValue {
  template <class T>
  operator T() const;
};

/// The members of an aggregate: with how many values it can be initialised, at most.
template <class T, class... Values>
constexpr std::size_t members_of() {
  if constexpr (requires { T{Values{}..., AnyValue{}}; }) {
    return members_of<T, Values..., AnyValue>();
  } else {
    return sizeof...(Values);
  }
}

struct OfThree {
  std::string text;
  std::vector<std::string> list = {};
  std::filesystem::path path = {};
};
static_assert(members_of<OfThree>() == 3);

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool is_numeric(const Option& option) { return option.field.kind == ValueKind::integer || option.field.kind == ValueKind::real; }

TEST(OptionTable, EveryMemberOfTrainConfigBelongsToOneEntry) {
  std::set<std::ptrdiff_t> members;
  std::size_t named = 0;
  for (const Option& option : train_options()) {
    members.insert(option.field.members.begin(), option.field.members.end());
    named += option.field.members.size();
  }
  EXPECT_EQ(members.size(), named) << "two entries have one member";
  EXPECT_EQ(members.size(), members_of<TrainConfig>()) << "a new member of TrainConfig needs an entry in src/tersegrad/train/options";
}

TEST(OptionTable, EntriesAreWhole) {
  std::set<std::string> names;
  for (const Option& option : train_options()) {
    SCOPED_TRACE(option.name);
    EXPECT_TRUE(names.insert(option.name).second) << "twice";
    EXPECT_EQ(find_option(option.name), &option);
    EXPECT_EQ(option_name(option.key()), option.name);
    EXPECT_FALSE(option.help.empty());
    EXPECT_EQ(option.help.find('\n'), std::string::npos);
    EXPECT_FALSE(option.group.empty());
    EXPECT_EQ(option.placeholder().empty(), option.field.kind == ValueKind::flag);
    if (!option.field.members.empty()) {
      EXPECT_TRUE(option.field.read && option.field.text) << "a member that is never set, or cannot be shown";
    }
    if (option.line > 0) {
      EXPECT_TRUE(option.field.read && option.field.restore && option.field.value) << "kept, and never read again";
    }
    EXPECT_TRUE(option.line > 0 || !option.may_differ) << "of what is not kept nothing is compared";
  }
  EXPECT_EQ(find_option("no-such"), nullptr);
  EXPECT_NE(error_of([] { option_named("no-such"); }).find("Option 'no-such' does not exist (known: --agents --batch "), std::string::npos);
}

TEST(OptionTable, WhatIsNeitherKeptNorComparedIsWhereAndHowAFolderIsWritten) {
  std::vector<std::string> unkept;
  for (const Option& option : train_options()) {
    if (option.line == 0 && !option.field.members.empty()) unkept.push_back(option.name);
  }
  EXPECT_EQ(unkept, (std::vector<std::string>{"out", "overwrite"}));
}

TEST(OptionTable, LinesAreNumberedFromOneWithoutGaps) {
  int next = 1;
  for (const Option* option : recorded_options()) EXPECT_EQ(option->line, next++) << option->name;
}

/// What checkpoints of all versions begin with: a new option's line comes after these.
TEST(OptionTable, LinesAreThoseOfEarlierVersions) {
  const std::string earlier =
      "model = mlp\ndataset = breast-cancer\ndata = \nsamples = 0\nreplicas = 1\nstart = \nskew = 0\nagents = 0\nbatch = 32\n"
      "sampling = shuffle\ncompressor = none\nnoise = none\nnoise_batch = 1\nexchange = server\nbucket = 4194304\nverify = 1\n"
      "overlap = 0\nlr = 0.1\nschedule = constant\nwarmup = 0\nmomentum = 0\nweight_decay = 0\nclip_norm = 0\nsteps = 500\nsde = 0\n"
      "seed = 1\ninit_seed = 1\nnonfinite = stop\neval_every = 0\neval_samples = auto\nlog_every = 1\nnoise_report = 0\nthreads = 1\n"
      "checkpoint_every = 0\nkeep = 2\nstall_timeout = 300\nlog = \n";
  EXPECT_EQ(TrainConfig().lines().substr(0, earlier.size()), earlier);
}

/// The attributes of run.h5 with their types and units.
TEST(OptionTable, FieldsAreThoseOfEarlierVersions) {
  const char* const types[] = {"bool", "integer", "real", "text"};
  std::ostringstream all;
  for (const LogField& field : TrainConfig().describe()) {
    all << field.key << ' ' << types[field.value.index()] << (field.unit.empty() ? "" : " ") << field.unit << '\n';
  }
  const std::string earlier =
      "model text\ndataset text\ndata text\nsamples integer rows\nreplicas integer\nstart text\nskew real\nagents integer\n"
      "batch text rows\nsampling text\ncompressor text\nnoise text\nnoise_batch integer rows\nexchange text\n"
      "bucket integer coordinates\nverify bool\noverlap bool\nlr real\nschedule text\nwarmup integer steps\nmomentum real\n"
      "weight_decay real\nclip_norm real\nsteps integer steps\nsde integer time steps per step\nseed integer\ninit_seed integer\n"
      "nonfinite text\neval_every integer steps\neval_samples text rows\nlog_every integer steps\nnoise_report integer steps\n"
      "threads integer\ncheckpoint_every text steps\nkeep integer checkpoints\nstall_timeout real s\n";
  EXPECT_EQ(all.str().substr(0, earlier.size()), earlier);
}

/// A value outside of an entry's range is refused as it is read, or by validate(), and the message begins with the option.
TEST(OptionTable, ValuesOutOfRangeAreRefusedByName) {
  int refused = 0;
  for (const Option& option : train_options()) {
    if (!is_numeric(option)) continue;
    const NumberRange& range = option.field.range;
    ASSERT_TRUE(std::isfinite(range.low)) << option.name;
    const double step = option.field.kind == ValueKind::integer ? 1 : 0.5;
    std::vector<double> values{range.low_open ? range.low : range.low - step};
    if (std::isfinite(range.high)) values.push_back(range.high_open ? range.high : range.high + step);
    for (const double value : values) {
      SCOPED_TRACE(concat(option.spelling(), ' ', value));
      const std::string said = error_of([&] {
        TrainConfig config;
        option.field.read(config, option.spelling(), exact_text(value));
        config.validate();
      });
      EXPECT_TRUE(said.starts_with(option.spelling() + " is ")) << said;
      EXPECT_NE(said.find("(must "), std::string::npos) << said;
      ++refused;
    }
    TrainConfig config;
    EXPECT_NE(error_of([&] { option.field.read(config, option.spelling(), "fast"); }).find(option.spelling() + " is 'fast' (must be "),
              std::string::npos) << option.name;
  }
  EXPECT_GE(refused, 25);
}

TEST(OptionTable, TheBoundsThemselvesAreAccepted) {
  for (const Option& option : train_options()) {
    if (!is_numeric(option)) continue;
    const NumberRange& range = option.field.range;
    for (const auto& [value, open] : {std::pair(range.low, range.low_open), std::pair(range.high, range.high_open)}) {
      if (open || !std::isfinite(value)) continue;
      TrainConfig config;
      option.field.read(config, option.spelling(), exact_text(value));
      if (!option.field.check) continue;
      EXPECT_NO_THROW(option.field.check(config, option.spelling())) << option.name << ' ' << value;
    }
  }
}

TEST(OptionTable, NumbersThatAreNoneAndUnknownWordsAreRefused) {
  for (const Option& option : train_options()) {
    SCOPED_TRACE(option.name);
    TrainConfig config;
    if (option.field.kind == ValueKind::real) {
      for (const char* text : {"nan", "inf"}) {
        option.field.read(config, option.spelling(), text);
        EXPECT_THROW(option.field.check(config, option.spelling()), Error);
      }
    }
    if (option.field.kind == ValueKind::word && !option.field.members.empty()) {
      const std::string said = error_of([&] {
        option.field.read(config, option.spelling(), "perhaps");
        config.validate();
      });
      EXPECT_TRUE(said.starts_with(option.spelling() + " is 'perhaps' (must be ")) << said;
    }
  }
}

TEST(OptionTable, DefaultsAreAccepted) {
  EXPECT_NO_THROW(TrainConfig().validate());
  for (const Option& option : train_options()) {
    if (option.default_text().empty()) continue;
    TrainConfig config;
    option.field.read(config, option.spelling(), option.default_text());
    EXPECT_EQ(config, TrainConfig()) << option.name;
  }
}

}  // namespace
}  // namespace tersegrad
