// Symbols as bits: every instruction set against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "compress/kernels/kernels.hpp"
#include "tersegrad/compress/kernels/quantized/symbol_packing.hpp"

namespace tersegrad::kernels {
namespace {

using testing::awkward_sizes;
using testing::Guarded;
using testing::on_every_target;
using testing::same_bytes;

TEST(Symbols, LieLaneBesideLane) {
  std::vector<std::uint32_t> symbols(symbol_group);
  std::iota(symbols.begin(), symbols.end(), 0u);
  for (auto& symbol : symbols) symbol = (symbol * 7 + symbol / 16) % 16;
  std::vector<std::byte> packed(symbol_group / 2);
  on_every_target([&] {
    pack_symbols(symbols, 4, packed);
    for (std::size_t i = 0; i < symbol_group; ++i) {  // eight rows a word, two a byte
      const std::size_t row = i / 16, lane = i % 16;
      const auto byte = std::to_integer<std::uint32_t>(packed[row / 8 * 64 + lane * 4 + row % 8 / 2]);
      ASSERT_EQ(byte >> (row % 2 * 4) & 15u, symbols[i]) << i;
    }
  });
}

TEST(Symbols, ArePackedAndUnpackedAsBits) {
  for (int bits = 1; bits <= 16; ++bits) {
    auto sizes = awkward_sizes();
    sizes.insert(sizes.end(), {512u, 1024u, 1536u});
    for (const std::size_t n : sizes) {
      Sequence random({.seed = n});
      std::vector<std::uint32_t> symbols(n);
      for (auto& symbol : symbols) symbol = static_cast<std::uint32_t>(random.below(std::uint64_t{1} << bits));
      const std::size_t bytes = (n * static_cast<std::size_t>(bits) + 7) / 8;
      std::vector<std::byte> expected(bytes);
      reference::pack_symbols(symbols, bits, expected);
      const std::uint32_t largest = n == 0 ? 0u : *std::max_element(symbols.begin(), symbols.end());
      on_every_target([&] {
        Guarded<std::uint32_t> in(std::span<const std::uint32_t>(symbols), n % 2);
        Guarded<std::byte> packed(bytes, n % 5);
        pack_symbols(in.span(), bits, packed.span());
        EXPECT_TRUE(packed.guards_survive());
        EXPECT_TRUE(same_bytes<std::byte>(packed.span(), expected)) << bits << " bits, " << n;
        Guarded<std::uint32_t> back(n, n % 3);
        EXPECT_EQ(unpack_symbols(packed.span(), bits, back.span()), largest);
        EXPECT_TRUE(back.guards_survive());
        EXPECT_TRUE(same_bytes<std::uint32_t>(back.span(), symbols)) << bits << " bits, " << n;
      });
      std::vector<std::uint32_t> plain(n);
      EXPECT_EQ(reference::unpack_symbols(expected, bits, plain), largest);
      EXPECT_EQ(plain, symbols);
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
