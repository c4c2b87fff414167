// Tables as people read them, as wide as there is room.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tersegrad/core/terminal/terminal.hpp"

namespace tersegrad {

/// Terminal columns that UTF-8 text takes: none for what combines with the character before it, two for the characters
/// of East Asian scripts and for pictures, one for every other.
std::size_t display_columns(const std::string& text);

/// The text in lines of at most `width` columns: broken at blanks, and within a word that is itself longer. Blanks that
/// begin it stay. \param indent  columns of blanks before every line but the first
std::vector<std::string> wrapped(const std::string& text, std::size_t width, std::size_t indent = 0);
/// Each line of the text wrapped(), with a line break at the end; lines that fit, a table's say, stay as they are.
std::string paragraph(const std::string& text, std::size_t width, std::size_t indent = 0);

/// A label and the text behind it, whose further lines begin under its first (under the label's fourth column, where
/// the label leaves less than half the width); with a line break at the end.
std::string hanging(const std::string& label, const std::string& text, std::size_t width);

/// Rows of cells as a plain-text table: the first is the heading; the first column is left-aligned, the others
/// right-aligned. No line is longer than `width`. What is too wide gives way in this order: headings wrap; the first
/// column and other long texts wrap at blanks; columns go into a second table (a third, …), with the first column
/// before them again; words are broken.
std::string fit_table(const std::vector<std::vector<std::string>>& rows, std::size_t width);

/// A plain-text table: the first row is the heading, the first column is left-aligned, the others right-aligned.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> heading) : rows_{std::move(heading)} {}
  /// \throws Error unless it has as many cells as the heading.
  void add(std::vector<std::string> row);
  std::string str() const;  ///< fit_table() for the terminal that it goes to

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tersegrad
