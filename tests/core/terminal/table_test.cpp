#include "tersegrad/core/terminal/table.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, display_columns(line));
  return widest;
}

std::string without_blanks(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

/// A claim's row: prose, then numbers.
/// Made as for a terminal of that width.
std::string claims(std::size_t width) {
  return fit_table(
      {{"claim", "reference", "measured ± s.e.", "predicted", "allowance", "z·s.e.", "resolution", "verdict"},
       {"E f(x_k) ≥ the bound of Theorem 3.12 at η → 0, κ·δ = 1 (shown: σ² = 1e-8, 見出し付き)", "Theorem 3.12, (14)",
        "-0.615 ± 0.009", "≥ -0.5", "0.021 [1]", "0.027", "0.11", "inconclusive"},
       {"slope", "Figure 8, left", "1.997 ± 0.002", "2", "0 [2]", "0.006", "0.5", "holds"}},
      width);
}

TEST(Table, DisplayColumnsAreNotBytesOrCharacters) {
  EXPECT_EQ(display_columns("abc"), 3u);
  EXPECT_EQ(display_columns("≥ η → µ"), 7u);
  EXPECT_EQ(display_columns("漢字"), 4u);      // two columns each
  EXPECT_EQ(display_columns("e\u0301a"), 2u);  // a combining accent
  EXPECT_EQ(display_columns("🙂"), 2u);
  EXPECT_EQ(display_columns("\xff\xfe"), 2u);  // no UTF-8: something is shown for each
  EXPECT_EQ(display_columns(""), 0u);
}

TEST(Table, NoLineIsLongerThanTheTerminalAndNothingIsLost) {
  const std::string whole = claims(any_width);
  EXPECT_GT(widest_line(whole), 132u);
  for (const std::size_t width : {132, 100, 80, 60, 40, 25}) {
    const std::string text = claims(width);
    EXPECT_LE(widest_line(text), width) << text;
    EXPECT_GE(widest_line(text) + 20, width) << text;  // the room there is is used
    for (const char* part : {"-0.615 ± 0.009", "1.997 ± 0.002", "0.021 [1]", "≥ -0.5", "inconclusive", "slope"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " at " << width << "\n" << text;
    }
  }
  EXPECT_EQ(claims(any_width), whole);
  EXPECT_EQ(claims(widest_line(whole)), whole);
  // One table as long as there is room for the numbers beside a narrow text.
  const std::string text = claims(110);
  EXPECT_EQ(text.find("inconclusive"), text.rfind("inconclusive"));
  EXPECT_EQ(text.find("slope"), text.rfind("slope")) << text;
}

TEST(Table, ColumnsThatDoNotFitGoBelowWithTheFirstAgain) {
  std::vector<std::string> heading{"run"}, cells{"none"};
  for (int c = 0; c < 30; ++c) {
    heading.push_back("class " + std::to_string(c));
    cells.push_back(std::to_string(100000 + c));
  }
  for (const std::size_t width : {80, 100, 132}) {
    const std::string text = fit_table({heading, cells}, width);
    EXPECT_LE(widest_line(text), width) << text;
    for (int c = 0; c < 30; ++c) EXPECT_NE(text.find(std::to_string(100000 + c)), std::string::npos) << text;
    std::size_t repeats = 0;
    for (std::size_t at = 0; (at = text.find("\nnone", at)) != std::string::npos; ++at) ++repeats;
    EXPECT_GE(repeats, 2u) << text;
  }
}

TEST(Table, AWordThatIsTooLongIsBroken) {
  const std::string word(300, 'x'),
      wide = "パラメータパラメータパラメータパラメータパラメータパラメータパラメータパラメータパラメータ";
  for (const auto& name : {word, wide}) {
    for (const std::size_t width : {20, 80, 100, 132}) {
      const std::string text =
          fit_table({{"run", "compressor", "steps"}, {name, "ef:topk:0.01", "500"}, {"short", name, "1"}}, width);
      EXPECT_LE(widest_line(text), width) << text;
      EXPECT_NE(text.find("500"), std::string::npos);
    }
  }
}

TEST(Table, ParagraphsWrapAtBlanks) {
  EXPECT_EQ(paragraph("Rule: a b c", any_width), "Rule: a b c\n");
  EXPECT_EQ(paragraph("a b\n\na  table\n", 8, 2), "a b\n\na  table\n");
  EXPECT_EQ(paragraph("Rule: one two three", 12, 2), "Rule: one\n  two three\n");
  EXPECT_EQ(paragraph("  [1] η → 0 and more", 12, 6), "  [1] η → 0\n      and\n      more\n");
  EXPECT_EQ(hanging("  sign  ", "one bit a coordinate", 20), "  sign  one bit a\n        coordinate\n");
  const std::string text = "words of several lengths, and averyveryveryveryveryveryverylongone, in lines";
  for (std::size_t width = 1; width < 90; ++width) {
    std::string all;
    for (const auto& line : wrapped(text, width)) {
      EXPECT_LE(display_columns(line), width) << line;
      all += line;
    }
    EXPECT_EQ(without_blanks(all), without_blanks(text)) << width;
  }
}

/// Sets a variable for one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* before = ::getenv(name);
    if (before != nullptr) before_ = before, had_ = true;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { had_ ? ::setenv(name_, before_.c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::string before_;
  bool had_ = false;
};

TEST(Table, WhatIsPrintedFitsTheTerminal) {
  TextTable table({"run", "bytes per agent and step"});
  table.add({"a", "1"});
  const Variable told("TERSEGRAD_COLUMNS", "20");
  EXPECT_EQ(table.str(), "     bytes per agent\nrun         and step\n────────────────────\na                  1\n");
}

TEST(Terminal, WhoeverKnowsTheTerminalSaysItsWidth) {
  const Variable progress("TERSEGRAD_PROGRESS", "sparse"), columns("COLUMNS", "90"), none("TERSEGRAD_COLUMNS", nullptr);
  EXPECT_EQ(output_columns(), any_width);  // a file stays complete, whatever the shell exports
  {
    const Variable told("TERSEGRAD_COLUMNS", "132");
    EXPECT_EQ(output_columns(), 132u);
  }
  {
    const Variable told("TERSEGRAD_COLUMNS", "0");
    EXPECT_EQ(output_columns(), any_width);
  }
  const Variable live("TERSEGRAD_PROGRESS", "live");
  EXPECT_EQ(output_columns(), 90u);
  for (const char* nonsense : {"", "wide", "-3", "99999999999999999999999", "80x"}) {
    const Variable odd("COLUMNS", nonsense), told("TERSEGRAD_COLUMNS", nonsense);
    EXPECT_GE(output_columns(), 20u) << nonsense;
    EXPECT_LE(output_columns(), 1000u) << nonsense;
  }
}

TEST(Table, AlignsUtf8) {
  TextTable table({"µ", "n"});
  table.add({"ab", "10"});
  EXPECT_EQ(table.str(), "µ    n\n──────\nab  10\n");
  EXPECT_THROW(table.add({"short"}), std::exception);
}

}  // namespace
}  // namespace tersegrad
