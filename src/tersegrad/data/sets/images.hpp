// Data sets of byte images: kept as they were read, normalised as they are copied out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tersegrad/data/dataset.hpp"

namespace tersegrad {

/// The rows of one split: pixels of every image, channel by channel and row by row, and its class.
struct LabelledImages {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
};

/// What the images of a data set have in common.
struct ImageFormat {
  std::string name;
  std::vector<std::int64_t> shape;       ///< channels, height, width
  std::vector<std::string> class_names;  ///< one a class
  std::vector<double> mean;              ///< of each channel's pixels / 255 over the training split
  std::vector<double> deviation;         ///< standard deviation likewise, > 0
};

/// A data set whose features are (pixel/255 − mean)/deviation, rounded once to fp32.
///
/// The training split is cut to source.samples rows (split.hpp); pixels stay bytes in memory.
/// \throws Error if source.samples is more than there is
std::unique_ptr<Dataset> make_image_dataset(const ImageFormat& format, LabelledImages train, LabelledImages test,
                                            const DataSource& source);

}  // namespace tersegrad
