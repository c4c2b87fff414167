// The command line of `train` and its help, from the table of options.
#include "apps/tersegrad/train/train_options.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tersegrad/core/error.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

OptionValues parsed(std::vector<std::string> words) {
  words.insert(words.begin(), "tersegrad train");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return parse_train_options(static_cast<int>(words.size()), arguments.data());
}

/// Of the help, the option and the text of each entry, without line breaks, below its group's heading.
struct HelpEntry {
  std::string group, spelling, text;
};
std::vector<HelpEntry> entries_of(const std::string& help) {
  std::vector<HelpEntry> entries;
  std::string group;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dashes = line.find("--");
    if (line.starts_with(" ") && line.ends_with(" options:")) {
      group = line.substr(1, line.size() - 10);
    } else if (line.starts_with("  ") && (dashes == 6 || line.starts_with("  -"))) {
      const std::size_t end = line.find_first_of(" [", dashes);
      entries.push_back({group, line.substr(dashes, end - dashes), end == std::string::npos ? "" : line.substr(end)});
    } else if (!entries.empty() && line.starts_with("      ")) {
      entries.back().text += " " + line.substr(line.find_first_not_of(' '));
    }
  }
  return entries;
}

TEST(TrainHelp, HasEveryEntryInItsGroupWithItsTextAndDefault) {
  const auto entries = entries_of(train_help());
  const auto& options = train_options();
  ASSERT_EQ(entries.size(), options.size()) << train_help();
  for (const Option& option : options) {
    SCOPED_TRACE(option.name);
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const HelpEntry& e) { return e.spelling == option.spelling(); });
    ASSERT_NE(found, entries.end());
    EXPECT_EQ(found->group, option.group);
    std::string words = found->text, expected = option.help;
    // Broken at blanks, wherever the columns end.
    std::erase(words, ' ');
    std::erase(expected, ' ');
    EXPECT_NE(words.find(expected), std::string::npos) << found->text;
    const std::string fallback = option.default_text();
    EXPECT_EQ(words.find("(default:") != std::string::npos, !fallback.empty()) << found->text;
    EXPECT_NE(words.find("(default:" + fallback + ")") != std::string::npos, fallback.empty()) << found->text;
    EXPECT_EQ(words.find("[=arg(=" + option.without_value + ")]") != std::string::npos, !option.without_value.empty()) << found->text;
  }
}

TEST(TrainHelp, KeepsTheTablesOrderInEachGroup) {
  std::string group;
  std::vector<std::string> shown, table;
  for (const auto& entry : entries_of(train_help())) {
    if (entry.group == "Output") shown.push_back(entry.spelling);
  }
  for (const Option& option : train_options()) {
    if (option.group == "Output") table.push_back(option.spelling());
  }
  EXPECT_EQ(shown, table);
}

TEST(TrainOptions, WhatIsGivenIsItsText) {
  const OptionValues values = parsed({"--lr", "0.5", "--steps=7", "--overlap", "--sde", "--overwrite", "--lr", "0.25"});
  EXPECT_EQ(values.text("lr"), "0.25");  // the later one
  EXPECT_EQ(values.text("steps"), "7");
  EXPECT_TRUE(values.contains("overlap"));
  EXPECT_EQ(values.text("sde"), "1");
  EXPECT_EQ(values.text("overwrite"), "run");
  EXPECT_EQ(parsed({"--overwrite=checkpoints"}).text("overwrite"), "checkpoints");
  for (const char* option : {"batch", "verify", "log", "resume"}) EXPECT_FALSE(values.contains(option)) << option;
}

TEST(TrainOptions, AListMayBeGivenInParts) {
  EXPECT_EQ(parsed({"--log", "csv,hdf5", "--log", "console:style=live"}).text("log"), "csv,hdf5,console:style=live");
  EXPECT_EQ(parsed({"--log=,csv"}).text("log"), ",csv");
  EXPECT_TRUE(parsed({"--log="}).contains("log"));
}

TEST(TrainOptions, WhatIsNoOptionIsRefusedWithAllThatAre) {
  try {
    parsed({"--stepz", "7"});
    FAIL();
  } catch (const Error& error) {
    const std::string said = error.what();
    for (const Option& option : train_options()) EXPECT_NE(said.find(option.spelling()), std::string::npos) << said;
    // The words for an option that a checkpoint has and this program does not are the same.
    try {
      option_named("stepz");
      FAIL();
    } catch (const Error& same) {
      EXPECT_EQ(said, same.what());
    }
  }
}

}  // namespace
}  // namespace tersegrad
