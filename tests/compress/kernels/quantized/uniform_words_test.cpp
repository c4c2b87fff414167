#include "tersegrad/compress/kernels/quantized/uniform_words.hpp"

#include "compress/kernels/kernels.hpp"

namespace tersegrad::kernels {
namespace {

TEST(UniformWords, AreTheStreamsOnEveryTargetFromEveryBlock) {
  const Stream stream(
      {.seed = 0x123456789abcdefull, .purpose = Purpose::dither, .agent = 77, .step = (1ull << 40) + 5});
  for (const std::uint64_t first :
       {std::uint64_t{0}, std::uint64_t{3}, (std::uint64_t{1} << 32) - 5, std::uint64_t{1} << 40}) {
    for (const std::size_t size : {0u, 1u, 3u, 4u, 15u, 16u, 31u, 64u, 65u, 127u, 128u, 129u, 1000u}) {
      std::vector<std::uint32_t> expected(size);
      stream.fill(first, expected);
      testing::on_every_target([&] {
        for (const std::size_t offset : {0u, 1u}) {
          testing::Guarded<std::uint32_t> words(size, offset);
          fill_words(stream, first, words.span());
          EXPECT_TRUE(words.guards_survive());
          EXPECT_TRUE(std::equal(expected.begin(), expected.end(), words.span().begin())) << first << ", " << size;
          testing::Guarded<std::uint16_t> halves(size, offset);
          fill_halfwords(stream, first, halves.span());
          EXPECT_TRUE(halves.guards_survive());
          for (std::size_t i = 0; i < size; ++i) {
            ASSERT_EQ(halves.span()[i], static_cast<std::uint16_t>(expected[i / 2] >> (i % 2 * 16)));
          }
        }
      });
    }
  }
}

TEST(UniformWords, AreTheStreamsAtTheEndsOfEveryField) {
  for (const std::uint64_t first : {0ull, 5ull, (1ull << 32) - 9, (1ull << 40) + 1, (1ull << 48) - 20}) {
    const StreamId id{.seed = 0x123456789abcdefull * (first + 1), .purpose = Purpose::noise,
                      .agent = (1u << 24) - 1, .step = (1ull << 48) - 1 - first % 7};
    for (std::size_t size = 0; size <= 80; ++size) {
      std::vector<std::uint32_t> expected(size);
      Stream(id).fill(first, expected);
      testing::on_every_target([&] {
        std::vector<std::uint32_t> words(size);
        fill_words(Stream(id), first, words);
        ASSERT_EQ(words, expected) << " first " << first << " size " << size;
      });
    }
  }
}

}  // namespace
}  // namespace tersegrad::kernels
