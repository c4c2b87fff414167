// Tables of numbers. The first byte: bit 0, a heading; the rest, columns that are expected (0: any).
#include <cmath>

#include "fuzz/files.hpp"
#include "tersegrad/data/readers/csv.hpp"

namespace tersegrad::fuzz {

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const std::uint8_t choice = reader.byte();
  refused_or_read([&] {
    const auto heading = choice % 2 == 1 ? Heading::present : Heading::none;
    const auto table = read_csv(*open_bytes("input", "", reader.rest()), heading, choice / 2 % 8);
    require(table.rows > 0 && table.width > 0, "a table without cells");
    require(static_cast<std::int64_t>(table.values.size()) == table.rows * table.width, "cells");
    require(table.columns.empty() || static_cast<std::int64_t>(table.columns.size()) == table.width, "columns");
    require(choice / 2 % 8 == 0 || table.width == choice / 2 % 8, "another width than was asked for");
    for (const double value : table.values) require(std::isfinite(value), "a value that is not finite");
  });
}

std::vector<Bytes> seeds() {
  const auto of = [](std::string_view text) { return Bytes(text.begin(), text.end()); };
  const Bytes table = of("a,b,c\n1,2,3\n4.5,-6e3,0\n 7 ,\t8,9\n\n");
  return {chosen(1, table), chosen(7, table),
          chosen(0, of("\xef\xbb\xbf"
                       "1,2\r\n3,4\r\n")),
          chosen(4, of("1e308,-0\n5e-324,3\n")), chosen(1, gzipped(table))};
}

}  // namespace tersegrad::fuzz
