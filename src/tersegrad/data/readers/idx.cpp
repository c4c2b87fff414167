#include "tersegrad/data/readers/idx.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

namespace tersegrad {
namespace {

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    char pair[4];
    std::snprintf(pair, sizeof pair, "%s%02x", text.empty() ? "" : " ", byte);
    text += pair;
  }
  return text;
}

/// The sizes behind the magic number 00 00 08 <dimensions>: unsigned bytes, so many dimensions.
template <std::size_t dimensions>
std::array<std::uint64_t, dimensions> read_header(ByteStream& bytes, const char* content) {
  std::array<std::uint8_t, 4 + 4 * dimensions> header{};
  const std::size_t got = bytes.read(header);
  const std::array<std::uint8_t, 4> magic{0, 0, 8, dimensions};
  const auto begin = std::span(header).first(std::min<std::size_t>(got, 4));
  if (!std::equal(begin.begin(), begin.end(), magic.begin())) {
    bytes.fail("begins with the bytes ", hexadecimal(begin), " (expected ", hexadecimal(magic), ", an IDX file of ",
               content, ")");
  }
  if (got < header.size()) {
    bytes.fail("ends at byte ", got, " inside its header (expected ", header.size(),
               " bytes of header of an IDX file of ", content, ")");
  }
  std::array<std::uint64_t, dimensions> sizes{};
  for (std::size_t d = 0; d < dimensions; ++d) {
    for (std::size_t i = 0; i < 4; ++i) sizes[d] = sizes[d] << 8 | header[4 + 4 * d + i];
  }
  return sizes;
}

}  // namespace

IdxImages read_idx_images(ByteStream& bytes) {
  const auto [count, height, width] = read_header<3>(bytes, "images");
  const std::string what = concat(count, " images of ", height, "x", width);
  constexpr std::uint64_t header = 16;
  // Sides below 2^16 keep the product of the three 32-bit sizes within 64 bits.
  const bool sane = count > 0 && height > 0 && width > 0 && height < 1u << 16 && width < 1u << 16 &&
                    height * width <= max_content_bytes && count <= max_content_bytes / (height * width);
  if (!sane) {
    bytes.fail("claims at bytes 4 to 15 to hold ", what, " (expected at least one pixel and at most ",
               max_content_bytes, " bytes)");
  }
  IdxImages images{
      static_cast<std::int64_t>(count), static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), {}};
  images.pixels = bytes.read_exactly(count * height * width, header + count * height * width, what);
  bytes.expect_end(what);
  return images;
}

std::vector<std::uint8_t> read_idx_labels(ByteStream& bytes, std::int64_t classes) {
  const auto [count] = read_header<1>(bytes, "labels");
  const std::string what = concat(count, " labels");
  constexpr std::uint64_t header = 8;
  if (count == 0 || count > max_content_bytes) {
    bytes.fail("claims at bytes 4 to 7 to hold ", what, " (expected at least one and at most ", max_content_bytes, ")");
  }
  auto labels = bytes.read_exactly(count, header + count, what);
  bytes.expect_end(what);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    if (labels[row] >= classes) {
      bytes.fail("has the label ", int{labels[row]}, " in row ", row, " (byte ", header + row, "; expected 0 to ",
                 classes - 1, ")");
    }
  }
  return labels;
}

}  // namespace tersegrad
