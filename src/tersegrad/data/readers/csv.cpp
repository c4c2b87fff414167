#include "tersegrad/data/readers/csv.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

/// A cell as errors quote it: one line of printable characters, not too long.
std::string shown(std::string_view cell) {
  std::string text(cell.substr(0, 40));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text + (cell.size() > 40 ? "…" : "");
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (std::size_t begin = 0;;) {
    const std::size_t comma = line.find(',', begin);
    cells.push_back(trimmed(line.substr(begin, comma == std::string_view::npos ? comma : comma - begin)));
    if (comma == std::string_view::npos) return cells;
    begin = comma + 1;
  }
}

/// Position within the text, for errors.
struct Place {
  std::int64_t row;   // from 1, without the heading
  std::int64_t line;  // from 1
};

double number(const ByteStream& bytes, const NumberTable& table, std::string_view cell, Place place,
              std::size_t column) {
  const auto where = [&] {
    const std::string name = table.columns.empty() ? "" : concat(" ('", shown(table.columns[column]), "')");
    return concat("row ", place.row, " (line ", place.line, "), column ", column + 1, name);
  };
  double value = 0;
  if (cell.empty()) bytes.fail("has an empty cell in ", where(), " (expected a number)");
  if (!parse_real(cell, value) || !std::isfinite(value)) {
    bytes.fail("has '", shown(cell), "' in ", where(), " (expected a finite number)");
  }
  return value;
}

}  // namespace

NumberTable read_csv(ByteStream& bytes, Heading heading, std::int64_t width) {
  const auto content = bytes.read_all(max_csv_bytes);
  std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty() && (trimmed(text.substr(text.size() - 1)).empty() || text.back() == '\n')) text.remove_suffix(1);

  NumberTable table;
  table.width = width;
  for (Place place{heading == Heading::none ? 1 : 0, 1}; !text.empty(); ++place.row, ++place.line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto cells = cells_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (table.width == 0) table.width = static_cast<std::int64_t>(cells.size());
    if (static_cast<std::int64_t>(cells.size()) != table.width) {
      bytes.fail("has ", cells.size(), cells.size() == 1 ? " column" : " columns", " in ",
                 place.row == 0 ? "its heading" : concat("row ", place.row), " (line ", place.line, "; expected ",
                 table.width, ")");
    }
    if (place.row == 0) {
      table.columns.assign(cells.begin(), cells.end());
      continue;
    }
    for (std::size_t column = 0; column < cells.size(); ++column) {
      table.values.push_back(number(bytes, table, cells[column], place, column));
    }
    table.rows = place.row;
  }
  if (table.rows == 0) bytes.fail("has no rows (expected lines of comma-separated numbers)");
  return table;
}

}  // namespace tersegrad
