// Numbers and tables as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tersegrad {

/// "1.50 kB", "134 MB": three significant digits, decimal units (as link speeds are quoted).
std::string format_bytes(double bytes);
/// "12.3 ms", "4.56 s", "2 min 05 s", "3 h 12 min".
std::string format_duration(double seconds);
/// `digits` significant digits, no trailing zeros ("0.0125", "1.3e-07").
std::string format_number(double value, int digits = 4);

/// Text for one line of a message: control characters as \n, \t, \x1b.
std::string printable(std::string_view text);
/// \throws Error naming `what` ("--out") if the text has control characters: names are kept and shown as parts of lines
void require_printable(std::string_view text, const std::string& what);

/// A plain-text table: the first row is the heading, the first column is left-aligned, the others right-aligned.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> heading) : rows_{std::move(heading)} {}
  /// \throws Error unless it has as many cells as the heading.
  void add(std::vector<std::string> row);
  std::string str() const;  ///< no line is wider than the terminal it goes to: see fit_table() in core/table.hpp

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tersegrad
