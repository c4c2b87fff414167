// libFuzzer's entry points. Now and then a mutation starts from one of the target's own seeds.
#include <algorithm>

#include "fuzz/target.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tersegrad::fuzz::one_input({data, size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  static const auto seeds = tersegrad::fuzz::seeds();
  if (!seeds.empty() && (size < 2 || seed % 32 == 0)) {
    const auto& chosen = seeds[seed / 32 % seeds.size()];
    size = std::min(chosen.size(), max_size);
    std::copy_n(chosen.begin(), size, data);
    if (seed / 32 % 7 == 0) return size;
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
