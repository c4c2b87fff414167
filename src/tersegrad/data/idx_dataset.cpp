#include "tersegrad/data/idx_dataset.hpp"

#include <algorithm>
#include <array>

#include "tersegrad/data/idx.hpp"
#include "tersegrad/data/locate.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t side = 28;
constexpr std::int64_t class_count = 10;
using Counts = std::array<std::int64_t, class_count>;

/// Labels of the training split, class by class.
struct Fingerprint {
  const char* name;
  Counts counts;
};
constexpr std::array fingerprints{
    Fingerprint{"mnist", {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}},
    Fingerprint{"fashion-mnist", {6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000}}};

LabelledImages read_split(const std::filesystem::path& image_path, const std::filesystem::path& label_path,
                          const std::string& advice) {
  const auto image_bytes = open_bytes(image_path, advice);
  auto images = read_idx_images(*image_bytes);
  if (images.height != side || images.width != side) {
    image_bytes->fail("holds images of ", images.height, "x", images.width, " (expected ", side, "x", side, ")");
  }
  const auto label_bytes = open_bytes(label_path, advice);
  auto labels = read_idx_labels(*label_bytes, class_count);
  if (static_cast<std::int64_t>(labels.size()) != images.count) {
    label_bytes->fail("holds ", labels.size(), " labels (expected ", images.count, ", one for each image in '",
                      image_path.string(), "')");
  }
  return {std::move(images.pixels), std::move(labels)};
}

/// The files of both data sets have the same names and sizes, so a wrong --data would go unseen.
void check_identity(const std::string& name, const LabelledImages& train, const std::filesystem::path& path) {
  Counts counts{};
  for (const std::uint8_t label : train.labels) ++counts[label];
  for (const auto& other : fingerprints) {
    TERSEGRAD_CHECK(other.name == name || counts != other.counts, "'", path.string(),
                    "' holds the labels of data set '", other.name, "' (asked for: '", name,
                    "'; the files of both have the same names); give --data the folder above");
  }
}

}  // namespace

std::unique_ptr<Dataset> load_idx_dataset(const ImageFormat& format, const char* torchvision,
                                          const DataSource& source) {
  DataFiles wanted{format.name, {torchvision}, {}};
  for (const char* file :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    std::string dotted = file;  // as some archives unpack it
    dotted[dotted.find("-idx")] = '.';
    wanted.files.push_back({file, dotted});
  }
  const auto paths = find_data_files(source, wanted);
  const std::string advice = download_advice(source, format.name);
  auto train = read_split(paths[0], paths[1], advice);
  check_identity(format.name, train, paths[1]);
  return make_image_dataset(format, std::move(train), read_split(paths[2], paths[3], advice), source);
}

}  // namespace tersegrad
