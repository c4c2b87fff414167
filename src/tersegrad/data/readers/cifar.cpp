#include "tersegrad/data/readers/cifar.hpp"

namespace tersegrad {

void read_cifar(ByteStream& bytes, std::int64_t rows, std::vector<std::uint8_t>& pixels,
                std::vector<std::uint8_t>& labels) {
  constexpr std::int64_t record = 1 + cifar_pixels;
  const std::string what = concat(rows, " records of ", record, " bytes");
  const auto total = static_cast<std::uint64_t>(rows * record);
  const auto content = bytes.read_exactly(total, total, what);
  bytes.expect_end(what);
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto begin = content.begin() + row * record;
    if (*begin >= 10) {
      bytes.fail("has the label ", int{*begin}, " in row ", row, " (byte ", row * record, "; expected 0 to 9)");
    }
    labels.push_back(*begin);
    pixels.insert(pixels.end(), begin + 1, begin + record);
  }
}

}  // namespace tersegrad
