#include "tersegrad/compress/kernels/sparse/bitmap.hpp"

#include "compress/kernels/kernels.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;

TEST(ListBits, ListsSetOrClearBitsInOrder) {
  Sequence random({.seed = 51});
  for (std::size_t words = 0; words < 70; ++words) {
    for (const int density : {0, 1, 2, 3, 4}) {  // none, few, half, most, all
      std::vector<std::uint64_t> bitmap(words);
      for (auto& word : bitmap) {
        word = density == 0 ? 0 : density == 4 ? ~0ull : random.next64();
        if (density == 1) word &= random.next64() & random.next64() & random.next64();
        if (density == 3) word |= random.next64() | random.next64();
      }
      for (const std::uint64_t flip : {0ull, ~0ull}) {
        std::vector<std::uint32_t> want;
        for (std::size_t i = 0; i < 64 * words; ++i) {
          if (((bitmap[i / 64] ^ flip) >> (i % 64) & 1) != 0) want.push_back(static_cast<std::uint32_t>(i));
        }
        on_every_target([&] {
          Guarded<std::uint32_t> out(want.size() + 2, words % 3);
          const auto* end = list_bits(bitmap, flip, out.span().data());
          ASSERT_EQ(end - out.span().data(), static_cast<std::ptrdiff_t>(want.size()));
          EXPECT_TRUE(same_bytes<std::uint32_t>(out.span().first(want.size()), want));
          EXPECT_TRUE(out.guards_survive());
        });
      }
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
