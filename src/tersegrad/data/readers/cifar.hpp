// CIFAR-10, binary version (https://www.cs.toronto.edu/~kriz/cifar.html).
#pragma once

#include <cstdint>
#include <vector>

#include "tersegrad/data/readers/bytes.hpp"

namespace tersegrad {

/// Bytes of one image: a red, a green and a blue plane of 32×32, row by row.
inline constexpr std::int64_t cifar_pixels = 3 * 32 * 32;
/// Records of each of the six files.
inline constexpr std::int64_t cifar_rows_per_file = 10'000;

/// Appends the images and labels of one file: records of 1 label byte and 3072 pixel bytes, nothing else.
///
/// The format has no header, so the number of records is the caller's knowledge.
/// \throws Error if the file holds fewer or more than `rows` records, or a label that is not below 10
void read_cifar(ByteStream& bytes, std::int64_t rows, std::vector<std::uint8_t>& pixels,
                std::vector<std::uint8_t>& labels);

}  // namespace tersegrad
