#include "tersegrad/compress/kernels/sparse/index_packing.hpp"

#include <algorithm>

#include "compress/kernels/kernels.hpp"
#include "tersegrad/compress/kernels/sparse/rand_k.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;
using Indices = std::vector<std::uint32_t>;
using Bytes = std::vector<std::byte>;

Bytes pack(const Indices& sorted, std::int64_t n) {
  Bytes out(static_cast<std::size_t>(packed_index_bytes(n, static_cast<std::int64_t>(sorted.size()))), std::byte{0xff});
  pack_indices(sorted, n, out);
  return out;
}

bool is_set_of(const Indices& sorted, std::int64_t n, std::int64_t k) {
  if (static_cast<std::int64_t>(sorted.size()) != k) return false;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] >= n || (i > 0 && sorted[i] <= sorted[i - 1])) return false;
  }
  return true;
}

TEST(IndexPacking, Sizes) {
  EXPECT_EQ(index_bits(0), 0);
  EXPECT_EQ(index_bits(1), 0);
  EXPECT_EQ(index_bits(2), 1);
  EXPECT_EQ(index_bits(3), 2);
  EXPECT_EQ(index_bits(4), 2);
  EXPECT_EQ(index_bits(5), 3);
  EXPECT_EQ(index_bits(std::int64_t{1} << 32), 32);
  EXPECT_EQ(packed_index_bytes(1000, 0), 0);
  EXPECT_EQ(packed_index_bytes(1000, 3), 4);      // 30 bits
  EXPECT_EQ(packed_index_bytes(1000, 100), 125);  // 1000 bits either way
  EXPECT_EQ(packed_index_bytes(1000, 900), 125);  // bitmap
  EXPECT_EQ(packed_index_bytes(std::int64_t{1} << 32, 5), 20);
}

TEST(IndexPacking, HandBytes) {
  // 6 bits each; then a bitmap.
  EXPECT_EQ(pack({1, 4, 6}, 64), (Bytes{std::byte{0b00000001}, std::byte{0b01100001}, std::byte{0b00}}));
  EXPECT_EQ(pack({0, 1, 2, 3, 9}, 10), (Bytes{std::byte{0b1111}, std::byte{0b10}}));
}

TEST(IndexPacking, RoundTrip) {
  for (const std::int64_t n : {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 255, 256, 257, 1000, 65537}) {
    for (const auto k : std::vector<std::int64_t>{0, 1, 2, n / 64, n / 20, n / 10, n / 3, n - 1, n}) {
      if (k < 0 || k > n) continue;
      Indices sorted, got{5, 5};
      draw_subset(Stream({.seed = 3, .step = static_cast<std::uint64_t>(k)}), n, k, sorted);
      const auto bytes = pack(sorted, n);
      Guarded<std::byte> in(std::span<const std::byte>(bytes), static_cast<std::size_t>(k % 7));
      ASSERT_TRUE(unpack_indices(in.span(), n, k, got)) << k << " of " << n;
      EXPECT_EQ(got, sorted);
    }
  }
  const std::int64_t all = std::int64_t{1} << 32;
  const Indices extremes{0, 1, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu};
  Indices got;
  ASSERT_TRUE(unpack_indices(pack(extremes, all), all, 6, got));
  EXPECT_EQ(got, extremes);
}

TEST(IndexPacking, RefusesWhatIsNotASet) {
  Indices got;
  const Bytes good = pack({1, 4, 6}, 60);  // 6 bits an index, 2 to spare each
  EXPECT_TRUE(unpack_indices(good, 60, 3, got));
  EXPECT_FALSE(unpack_indices(pack({4, 1, 6}, 60), 60, 3, got)) << "not ascending";
  EXPECT_FALSE(unpack_indices(pack({4, 4, 6}, 60), 60, 3, got)) << "repeated";
  EXPECT_FALSE(unpack_indices(pack({1, 4, 61}, 64), 60, 3, got)) << "past n";
  EXPECT_FALSE(unpack_indices(std::span(good).first(2), 60, 3, got)) << "short";
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(unpack_indices(longer, 60, 3, got)) << "long";
  Bytes padded = good;
  padded.back() |= std::byte{0x80};
  EXPECT_FALSE(unpack_indices(padded, 60, 3, got)) << "unused bit set";
  EXPECT_FALSE(unpack_indices({}, 60, -1, got));
  EXPECT_FALSE(unpack_indices({}, -1, 0, got));
  EXPECT_FALSE(unpack_indices({}, (std::int64_t{1} << 32) + 1, 0, got));
  EXPECT_FALSE(unpack_indices(good, 2, 3, got)) << "more indices than coordinates";
  EXPECT_FALSE(unpack_indices(good, std::numeric_limits<std::int64_t>::max(), 3, got));
  EXPECT_FALSE(unpack_indices(good, 60, std::numeric_limits<std::int64_t>::max(), got));
  // Bitmaps.
  Bytes bitmap = pack({0, 1, 2, 3, 9}, 10);
  EXPECT_TRUE(unpack_indices(bitmap, 10, 5, got));
  EXPECT_FALSE(unpack_indices(bitmap, 10, 6, got)) << "count differs";
  bitmap[1] = std::byte{0b100};
  EXPECT_FALSE(unpack_indices(bitmap, 10, 5, got)) << "past n";
}

// Whatever bytes arrive: refused, or a true set that packs to the very same bytes.
TEST(IndexPacking, RandomBytesAreRefusedOrASet) {
  Sequence random({.seed = 77});
  int accepted = 0;
  for (int i = 0; i < 200000; ++i) {
    const auto n = static_cast<std::int64_t>(random.below(40)), k = static_cast<std::int64_t>(random.below(6));
    Bytes in(static_cast<std::size_t>(k > n ? 1 : packed_index_bytes(n, k)));
    for (auto& byte : in) byte = static_cast<std::byte>(random() & random());
    Indices got;
    if (!unpack_indices(in, n, k, got)) continue;
    ++accepted;
    ASSERT_TRUE(is_set_of(got, n, k));
    ASSERT_EQ(pack(got, n), in);
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace tersegrad::kernels
