// CIFAR-10: small photographs of ten kinds of things (Krizhevsky 2009).
#include "tersegrad/data/readers/cifar.hpp"
#include "tersegrad/data/readers/locate.hpp"
#include "tersegrad/data/sets/images.hpp"

namespace tersegrad {
namespace {

std::unique_ptr<Dataset> make(const Arguments&, const DataSource& source) {
  // Means and deviations of the 50,000 training images, channel by channel: (125.3069, 122.9504, 113.8654)/255 and
  // (62.9932, 62.0887, 66.7049)/255, to the four digits in common use.
  const ImageFormat format{
      .name = "cifar10",
      .shape = {3, 32, 32},
      .class_names = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
      .mean = {0.4914, 0.4822, 0.4465},
      .deviation = {0.2470, 0.2435, 0.2616}};
  const auto paths =
      find_data_files(source, {.dataset = format.name,
                               .folders = {"cifar-10", "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin"},
                               .files = {{"data_batch_1.bin"},
                                         {"data_batch_2.bin"},
                                         {"data_batch_3.bin"},
                                         {"data_batch_4.bin"},
                                         {"data_batch_5.bin"},
                                         {"test_batch.bin"}}});
  LabelledImages train;
  LabelledImages test;
  train.pixels.reserve(5 * cifar_rows_per_file * cifar_pixels);  // growing would take twice as much
  for (const auto& path : paths) {
    auto& images = &path == &paths.back() ? test : train;
    read_cifar(*open_bytes(path, download_advice(source, format.name)), cifar_rows_per_file, images.pixels,
               images.labels);
  }
  return make_image_dataset(format, std::move(train), std::move(test), source);
}

const Registration<Dataset, const DataSource&> registration{
    "cifar10", "photographs, 50,000 + 10,000 colour images of 32x32, 10 classes (launch/get-data cifar10)", {}, make};

}  // namespace
}  // namespace tersegrad
