#include "tersegrad/data/readers/csv.hpp"

#include <cmath>
#include <cstdio>

#include "data/files.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

NumberTable table_in(std::string_view text, Heading heading = Heading::none, std::int64_t width = 0) {
  const Bytes bytes = bytes_of(text);
  return read_csv(*open_bytes("table", "look at it", bytes), heading, width);
}

std::string error_in(std::string_view text, Heading heading = Heading::none, std::int64_t width = 0) {
  return error_of([&] { table_in(text, heading, width); });
}

TEST(Csv, ReadsNumbers) {
  const auto table = table_in("1,2.5,-3e-2\n4,5,6\n");
  EXPECT_EQ(table.rows, 2);
  EXPECT_EQ(table.width, 3);
  EXPECT_EQ(table.values, (std::vector<double>{1, 2.5, -0.03, 4, 5, 6}));
  EXPECT_TRUE(table.columns.empty());
  EXPECT_EQ(table.at(1, 2), 6);
}

TEST(Csv, ToleratesWhatEditorsDo) {
  for (const char* text : {"a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r\n",
                           "\xef\xbb\xbf"
                           "a,b\n1,2\n3,4\n\n \r\n",
                           " a , b \n 1 ,\t2\n3,4 \n"}) {
    SCOPED_TRACE(text);
    const auto table = table_in(text, Heading::present, 2);
    EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(table.values, (std::vector<double>{1, 2, 3, 4}));
  }
}

TEST(Csv, BadCellsAreNamed) {
  expect_error(error_in("a,b\n1,2\n3,\n", Heading::present),
               {"'table' has an empty cell in row 2 (line 3), column 2 ('b')", "; look at it"});
  expect_error(error_in("1,2\n,4\n"), {"empty cell in row 2 (line 2), column 1"});
  expect_error(error_in("1,2\n3, \n5,6"), {"empty cell in row 2 (line 2), column 2"});
  expect_error(error_in("1,2\nx,4\n"), {"'table' has 'x' in row 2 (line 2), column 1", "expected a finite number"});
  for (const char* cell :
       {"nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e999", "1.5.2", "0x10", "1 2", "--1", "'1'", "\"1\"", "?"}) {
    SCOPED_TRACE(cell);
    expect_error(error_in(concat("1,2\n3,4\n5,", cell, "\n")),
                 {concat("has '", cell, "' in row 3 (line 3), column 2")});
  }
}

TEST(Csv, WrongColumnCountIsNamed) {
  expect_error(error_in("1,2\n3,4,5\n"), {"'table' has 3 columns in row 2 (line 2; expected 2)"});
  expect_error(error_in("1,2\n3\n"), {"has 1 column in row 2 (line 2; expected 2)"});
  expect_error(error_in("1,2\n\n3,4\n"), {"has 1 column in row 2 (line 2; expected 2)"});
  expect_error(error_in("1,2\n3,4\n", Heading::none, 31), {"has 2 columns in row 1 (line 1; expected 31)"});
  expect_error(error_in("a,b\n3,4\n", Heading::present, 3), {"has 2 columns in its heading (line 1; expected 3)"});
  expect_error(error_in("a,b\n3,4,5\n", Heading::present), {"has 3 columns in row 1 (line 2; expected 2)"});
}

TEST(Csv, NothingIsRefused) {
  for (const char* text : {"", "\n", " \r\n\n", "\xef\xbb\xbf"}) expect_error(error_in(text), {"'table' has no rows"});
  expect_error(error_in("a,b\n", Heading::present), {"'table' has no rows"});
}

TEST(Csv, ErrorsStayOneShortLine) {
  const std::string text = error_in(concat("1,2\n3,", std::string(100000, 'x'), "\n"));
  expect_error(text, {"row 2", "…"});
  EXPECT_LT(text.size(), 200u);
  expect_error(error_in(std::string("1,2\n3,\0\x01\x1b[31m\n", 13)), {"row 2", "??"});
}

TEST(Csv, NumbersSurviveTheirText) {
  Sequence random({.seed = 5});
  std::string text;
  std::vector<double> values;
  for (int i = 0; i < 999; ++i) {
    const double value = (random.uniform() - 0.5) * std::pow(10.0, static_cast<double>(random.below(600)) - 300);
    values.push_back(value);
    char cell[40];
    std::snprintf(cell, sizeof cell, "%.17g%c", value, i % 9 == 8 ? '\n' : ',');
    text += cell;
  }
  EXPECT_EQ(table_in(text, Heading::none, 9).values, values);
}

}  // namespace
}  // namespace tersegrad
