#include "tersegrad/data/sets/idx_dataset.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tersegrad/data/readers/idx.hpp"
#include "tersegrad/data/readers/locate.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t original_rows = 60'000;

/// The training labels, as a run of them and a checksum tell. The files of all data sets in MNIST's format have the
/// same names and sizes, and some have as many labels of each class: nothing less than their order names one.
bool are_of_mnist(const std::vector<std::uint8_t>& labels) {
  return labels.size() == original_rows && ::crc32(0, labels.data(), original_rows) == 0xba07e8ef;
}

/// 28 labels in a row and 6,000 of each class: a data set that has both by chance is one in 10^28.
bool are_of_fashion_mnist(const std::vector<std::uint8_t>& labels) {
  constexpr std::array<std::uint8_t, 28> first{9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5,
                                               7, 9, 1, 0, 6, 4, 3, 1, 4, 8, 4, 3, 0, 2};
  if (labels.size() != original_rows || !std::equal(first.begin(), first.end(), labels.begin())) return false;
  std::array<std::size_t, 256> counts{};
  for (const std::uint8_t label : labels) ++counts[label];
  return std::all_of(counts.begin(), counts.begin() + 10,
                     [](std::size_t count) { return count == original_rows / 10; });
}

/// A name is given only where the labels prove it. A part of a data set, or one made up, proves nothing and is taken.
void check_identity(const std::string& name, const LabelledImages& train, const std::filesystem::path& path) {
  if (train.labels.size() != original_rows) return;
  const char* const proven = are_of_mnist(train.labels)           ? "mnist"
                             : are_of_fashion_mnist(train.labels) ? "fashion-mnist"
                                                                  : nullptr;
  if (proven != nullptr) {
    TERSEGRAD_CHECK(proven == name, "'", path.string(), "' holds the labels of data set '", proven, "' (asked for: '",
                    name, "'; the files of both have the same names); give --data the folder above, or ask for '",
                    proven, "'");
    return;
  }
  throw Error(concat(
      "'", path.string(), "' holds ", original_rows, " labels that are not those of data set '", name,
      "'; if this is another data set in MNIST's format (EMNIST, KMNIST, …), read it with --dataset idx --data '",
      path.parent_path().string(), "'"));
}

LabelledImages read_split(const std::filesystem::path& image_path, const std::filesystem::path& label_path,
                          const std::string& advice, std::int64_t classes, std::array<std::int64_t, 2>& sides) {
  const auto image_bytes = open_bytes(image_path, advice);
  auto images = read_idx_images(*image_bytes);
  if (sides[0] == 0) sides = {images.height, images.width};
  if (images.height != sides[0] || images.width != sides[1]) {
    image_bytes->fail("holds images of ", images.height, "x", images.width, " (expected ", sides[0], "x", sides[1],
                      ")");
  }
  const auto label_bytes = open_bytes(label_path, advice);
  auto labels = read_idx_labels(*label_bytes, classes);
  if (static_cast<std::int64_t>(labels.size()) != images.count) {
    label_bytes->fail("holds ", labels.size(), " labels (expected ", images.count, ", one for each image in '",
                      image_path.string(), "')");
  }
  return {std::move(images.pixels), std::move(labels)};
}

std::vector<std::filesystem::path> find_idx_files(const DataSource& source, const std::string& name,
                                                  const std::vector<std::string>& folders) {
  DataFiles wanted{name, folders, {}, name != "idx"};
  for (const char* file :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    std::string dotted = file;  // as some archives unpack it
    dotted[dotted.find("-idx")] = '.';
    wanted.files.push_back({file, dotted});
  }
  return find_data_files(source, wanted);
}

/// Mean and standard deviation of pixels / 255.
void normalise(const std::vector<std::uint8_t>& pixels, ImageFormat& format) {
  std::array<std::uint64_t, 256> counts{};
  for (const std::uint8_t pixel : pixels) ++counts[pixel];
  double sum = 0, squares = 0;
  for (std::size_t pixel = 0; pixel < counts.size(); ++pixel) {
    const double value = static_cast<double>(pixel) / 255, count = static_cast<double>(counts[pixel]);
    sum += count * value;
    squares += count * value * value;
  }
  const double mean = sum / static_cast<double>(pixels.size());
  const double variance = squares / static_cast<double>(pixels.size()) - mean * mean;
  format.mean = {mean};
  format.deviation = {variance > 1e-12 ? std::sqrt(variance) : 1.0};
}

std::unique_ptr<Dataset> make_any(const Arguments& arguments, const DataSource& source) {
  const std::int64_t classes = arguments.integer("classes", 1, 256);
  const auto paths = find_idx_files(source, "idx", {});
  std::array<std::int64_t, 2> sides{};
  auto train = read_split(paths[0], paths[1], "", classes, sides);
  auto test = read_split(paths[2], paths[3], "", classes, sides);
  ImageFormat format{.name = "idx", .shape = {1, sides[0], sides[1]}, .class_names = {}, .mean = {}, .deviation = {}};
  for (std::int64_t c = 0; c < classes; ++c) format.class_names.push_back(std::to_string(c));
  normalise(train.pixels, format);
  return make_image_dataset(format, std::move(train), std::move(test), source);
}

const Registration<Dataset, const DataSource&> registration{
    "idx",
    "any grey images in four files of MNIST's names and format (EMNIST, KMNIST, your own), normalised by their own "
    "mean and "
    "deviation",
    {{"classes", "10", "different labels, 1 to 256"}},
    make_any};

}  // namespace

std::unique_ptr<Dataset> load_idx_dataset(const ImageFormat& format, const char* torchvision,
                                          const DataSource& source) {
  const auto paths = find_idx_files(source, format.name, {torchvision, "raw"});
  const std::string advice = download_advice(source, format.name);
  std::array<std::int64_t, 2> sides{28, 28};
  auto train = read_split(paths[0], paths[1], advice, 10, sides);
  check_identity(format.name, train, paths[1]);
  return make_image_dataset(format, std::move(train), read_split(paths[2], paths[3], advice, 10, sides), source);
}

}  // namespace tersegrad
