#include "tersegrad/compress/kernels/sparse/bitmap.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tersegrad/compress/kernels/sparse/bitmap.cpp"
#include "hwy/foreach_target.h"
#include "tersegrad/core/kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tersegrad::kernels::HWY_NAMESPACE {
namespace {

// Scalar, but compiled for each instruction set: the better ones count and find bits in one instruction.
std::uint32_t* list(std::span<const std::uint64_t> words, std::uint64_t flip, std::uint32_t* out) {
  for (std::size_t w = 0; w < words.size(); ++w) {
    std::uint64_t word = words[w] ^ flip;
    const auto base = static_cast<std::uint32_t>(64 * w);
    const int count = std::popcount(word);
    const auto take = [&](int i) HWY_ATTR {
      out[i] = base + static_cast<std::uint32_t>(std::countr_zero(word));
      word &= word - 1;
    };
    // Two are written whether the word has them or not: in a sparse bitmap few words have more, so that the only
    // branch on random bits is seldom mispredicted.
    take(0);
    take(1);
    for (int i = 2; i < count; ++i) take(i);
    out += count;
  }
  return out;
}

}  // namespace
}  // namespace tersegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tersegrad::kernels {

HWY_EXPORT(list);

std::uint32_t* list_bits(std::span<const std::uint64_t> words, std::uint64_t flip, std::uint32_t* out) {
  return HWY_DYNAMIC_DISPATCH(list)(words, flip, out);
}

}  // namespace tersegrad::kernels
#endif
