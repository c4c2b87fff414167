// IDX files. The first byte: odd, labels; even, images.
#include "fuzz/files.hpp"
#include "tersegrad/data/readers/idx.hpp"

namespace tersegrad::fuzz {

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const std::uint8_t choice = reader.byte();
  refused_or_read([&] {
    const auto bytes = open_bytes("input", "", reader.rest());
    if (choice % 2 == 0) {
      const auto images = read_idx_images(*bytes);
      require(images.count > 0 && images.height > 0 && images.width > 0, "an image without pixels");
      require(static_cast<std::int64_t>(images.pixels.size()) == images.count * images.height * images.width, "pixels");
    } else {
      for (const auto label : read_idx_labels(*bytes, 10)) require(label < 10, "a label out of range");
    }
  });
}

std::vector<Bytes> seeds() {
  Bytes images{0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5}, labels{0, 0, 8, 1, 0, 0, 0, 12};
  for (int i = 0; i < 3 * 4 * 5; ++i) images.push_back(static_cast<std::uint8_t>(7 * i));
  for (int i = 0; i < 12; ++i) labels.push_back(static_cast<std::uint8_t>(i % 10));
  return {chosen(0, images), chosen(1, labels), chosen(0, gzipped(images)), chosen(1, gzipped(labels))};
}

}  // namespace tersegrad::fuzz
