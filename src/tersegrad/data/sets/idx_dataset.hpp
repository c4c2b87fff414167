// What MNIST and Fashion-MNIST share: four IDX files of 28×28 grey images in ten classes.
#pragma once

#include <memory>

#include "tersegrad/data/sets/images.hpp"

namespace tersegrad {

/// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files (plain or .gz) of `format.name`.
/// \param torchvision  the folder in which torchvision keeps the same files below its root ("MNIST/raw")
/// \throws Error for a missing, damaged or inconsistent file; and if another data set of the same form and size is
/// found in
///         its place, which its labels tell
std::unique_ptr<Dataset> load_idx_dataset(const ImageFormat& format, const char* torchvision, const DataSource& source);

}  // namespace tersegrad
