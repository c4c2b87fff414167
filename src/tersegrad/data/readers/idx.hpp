// IDX files: the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/).
#pragma once

#include <cstdint>
#include <vector>

#include "tersegrad/data/readers/bytes.hpp"

namespace tersegrad {

/// Unsigned-byte images, one behind the other, row by row.
struct IdxImages {
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;  ///< count × height × width
};

/// Reads an idx3 file of unsigned bytes: magic 00 00 08 03, three big-endian 32-bit sizes, the pixels.
/// \throws Error if the magic differs, a size is 0 or absurd (more than max_content_bytes in all), or the content is
///         shorter or longer than the sizes say
IdxImages read_idx_images(ByteStream& bytes);

/// Reads an idx1 file of unsigned bytes: magic 00 00 08 01, one big-endian 32-bit size, the labels.
/// \throws Error likewise, and for a label that is not below `classes`
std::vector<std::uint8_t> read_idx_labels(ByteStream& bytes, std::int64_t classes);

}  // namespace tersegrad
