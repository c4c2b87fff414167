// Tables of numbers as comma-separated text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tersegrad/data/readers/bytes.hpp"

namespace tersegrad {

/// Numbers in rows and columns.
struct NumberTable {
  std::vector<std::string> columns;  ///< names; empty if the text has no heading
  std::int64_t rows = 0;
  std::int64_t width = 0;      ///< columns
  std::vector<double> values;  ///< rows × width, row by row
  double at(std::int64_t row, std::int64_t column) const {
    return values[static_cast<std::size_t>(row * width + column)];
  }
};

/// Whether the first line holds the columns' names.
enum class Heading { none, present };

/// Bytes of text that read_csv accepts at most.
inline constexpr std::uint64_t max_csv_bytes = std::uint64_t{1} << 30;

/// Reads lines of comma-separated finite numbers; spaces around a cell, CR LF line ends, a UTF-8 byte order mark and
/// empty lines at the end are allowed.
/// \param width  columns that every line must have; 0: as many as the first line
/// \throws Error naming the row (counted from 1, without the heading), the line and the column of an empty cell, of
///         text, NaN or infinity, of a missing or surplus cell; and if there is no row at all
NumberTable read_csv(ByteStream& bytes, Heading heading, std::int64_t width = 0);

}  // namespace tersegrad
