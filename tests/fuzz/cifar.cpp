// CIFAR-10's binary files. The first byte: how many records the caller expects.
#include "fuzz/files.hpp"
#include "tersegrad/data/readers/cifar.hpp"

namespace tersegrad::fuzz {

void one_input(std::span<const std::uint8_t> input) {
  Reader reader(input);
  const std::int64_t rows = reader.byte() % 3;
  refused_or_read([&] {
    std::vector<std::uint8_t> pixels, labels;
    read_cifar(*open_bytes("input", "", reader.rest()), rows, pixels, labels);
    require(static_cast<std::int64_t>(pixels.size()) == rows * cifar_pixels, "pixels");
    require(static_cast<std::int64_t>(labels.size()) == rows, "labels");
    for (const auto label : labels) require(label < 10, "a label out of range");
  });
}

std::vector<Bytes> seeds() {
  Bytes one(3073, 5), two(2 * 3073, 9);
  return {chosen(1, one), chosen(2, two), chosen(1, gzipped(one)), chosen(2, gzipped(two))};
}

}  // namespace tersegrad::fuzz
