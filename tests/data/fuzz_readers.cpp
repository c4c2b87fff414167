// libFuzzer entry for the readers of data files. With clang: cmake --build … --target fuzz_readers, then
//   fuzz_readers -max_len=20000 CORPUS     (an empty folder will do: the formats are short)
// The first byte chooses the reader, the rest is the file, plain or gz.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tersegrad/data/cifar.hpp"
#include "tersegrad/data/csv.hpp"
#include "tersegrad/data/idx.hpp"

namespace {

using namespace tersegrad;

void read(std::uint8_t reader, ByteStream& bytes) {
  switch (reader % 5) {
    case 0: {
      const auto images = read_idx_images(bytes);
      if (static_cast<std::int64_t>(images.pixels.size()) != images.count * images.height * images.width) std::abort();
      break;
    }
    case 1: {
      for (const auto label : read_idx_labels(bytes, 10)) {
        if (label >= 10) std::abort();
      }
      break;
    }
    case 2: {
      std::vector<std::uint8_t> pixels, labels;
      read_cifar(bytes, 2, pixels, labels);
      if (pixels.size() != 2 * cifar_pixels || labels.size() != 2) std::abort();
      break;
    }
    default: {
      const auto table = read_csv(bytes, reader % 5 == 3 ? Heading::present : Heading::none);
      if (static_cast<std::int64_t>(table.values.size()) != table.rows * table.width) std::abort();
      break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    read(data[0], *open_bytes("input", "", {data + 1, size - 1}));
  } catch (const Error& error) {
    if (std::strchr(error.what(), '\n') != nullptr) std::abort();  // an error is one line
  }
  return 0;
}
