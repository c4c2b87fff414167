// A noise's scales, one number a coordinate, from a text file. The first byte: coordinates that are asked for.
#include <cmath>

#include "fuzz/folder.hpp"
#include "tersegrad/noise/noise.hpp"

namespace tersegrad::fuzz {

void one_input(std::span<const std::uint8_t> input) {
  static const Folder folder;
  static const auto path = folder.path() / "scales";
  Reader reader(input);
  std::vector<float> values(reader.byte() % 64);
  put(path, reader.rest());
  refused_or_read([&] {
    const auto noise = NoiseRegistry::instance().make("gaussian:1:scales=" + path.string());
    noise->add(Stream({.seed = 1, .purpose = Purpose::noise}), 0, values, 1.0f);
    for (const float value : values) require(!std::isnan(value), "noise that is not a number");
  });
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const std::string_view text : {"1 2 3\n0.5\t0\n", "1e38 1e-45 0x1p3 -0", "", "nan inf 1"}) {
    Bytes input{4};
    input.insert(input.end(), text.begin(), text.end());
    all.push_back(std::move(input));
  }
  return all;
}

}  // namespace tersegrad::fuzz
