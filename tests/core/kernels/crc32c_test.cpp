#include "tersegrad/core/kernels/crc32c.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad::kernels {
namespace {

using Bytes = std::vector<std::byte>;

/// The definition, bit by bit: the polynomial is subtracted wherever a 1 leaves the register.
std::uint32_t by_definition(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const auto byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Sequence random({.seed = seed});
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random.below(256));
  return bytes;
}

/// RFC 3720, appendix B.4, whose bytes are the checksum's lowest first.
TEST(Crc32c, VectorsOfRfc3720) {
  Bytes rising(32), falling(32);
  for (std::size_t i = 0; i < 32; ++i) {
    rising[i] = static_cast<std::byte>(i);
    falling[i] = static_cast<std::byte>(31 - i);
  }
  const unsigned char iscsi_read[48] = {0x01, 0xc0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
                                        0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
                                        0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
  const std::string_view digits = "123456789";
  struct Vector {
    Bytes bytes;
    std::uint32_t crc;
  };
  const auto copied = [](auto first, std::size_t size) {
    const auto* bytes = reinterpret_cast<const std::byte*>(first);
    return Bytes(bytes, bytes + size);
  };
  const Vector vectors[] = {{Bytes(32, std::byte{0}), 0x8a9136aa}, {Bytes(32, std::byte{0xff}), 0x62a8ab43},
                            {rising, 0x46dd794e},                  {falling, 0x113fdb5c},
                            {copied(iscsi_read, 48), 0xd9963a56},  {copied(digits.data(), 9), 0xe3069283},
                            {{}, 0}};
  for (const auto& [bytes, crc] : vectors) {
    EXPECT_EQ(crc32c(bytes), crc);
    EXPECT_EQ(reference::crc32c(bytes), crc);
    EXPECT_EQ(by_definition(bytes), crc);
  }
}

TEST(Crc32c, EveryLengthAndAlignmentIsTheDefinition) {
  const Bytes bytes = random_bytes(2000, 1);
  for (std::size_t size = 0; size <= 900; size += size < 420 ? 1 : 37) {
    for (std::size_t begin = 0; begin < 9; ++begin) {
      const auto part = std::span(bytes).subspan(begin, size);
      const auto wanted = by_definition(part);
      ASSERT_EQ(crc32c(part), wanted) << size << " bytes from " << begin;
      ASSERT_EQ(reference::crc32c(part), wanted) << size << " bytes from " << begin;
    }
  }
}

TEST(Crc32c, LongOnesAreTheTables) {
  const Bytes bytes = random_bytes(200'003, 2);
  // Around the lengths at which the number of runs that go three at a time changes.
  for (const std::size_t size :
       {383u, 384u, 385u, 12287u, 12288u, 12289u, 12672u, 24576u, 24583u, 100'001u, 200'000u}) {
    for (const std::size_t begin : {0u, 1u, 3u}) {
      const auto part = std::span(bytes).subspan(begin, size);
      ASSERT_EQ(crc32c(part), reference::crc32c(part)) << size << " bytes from " << begin;
    }
  }
}

TEST(Crc32c, PartsBehindOneAnother) {
  const Bytes bytes = random_bytes(30'000, 3);
  const std::span<const std::byte> all(bytes);
  for (const std::size_t cut : {0u, 1u, 63u, 64u, 400u, 12'300u, 29'999u, 30'000u}) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all));
    EXPECT_EQ(reference::crc32c(all.subspan(cut), reference::crc32c(all.first(cut))), crc32c(all));
  }
}

TEST(Crc32c, EveryBurstOfUpTo32BitsIsSeen) {
  // That is what a CRC of 32 bits promises of bursts; of anything else it misses one in 2^32.
  Bytes bytes = random_bytes(500, 4);
  const auto sound = crc32c(bytes);
  Sequence random({.seed = 5});
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const Bytes before = bytes;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    for (std::size_t more = 1; more < 32 && bit % 2 == 1; ++more) {
      const std::size_t at = bit + more;
      if (at < 8 * bytes.size() && random.below(2) == 1) bytes[at / 8] ^= static_cast<std::byte>(1u << (at % 8));
    }
    ASSERT_NE(crc32c(bytes), sound) << "from bit " << bit;
    bytes = before;
  }
}

}  // namespace
}  // namespace tersegrad::kernels
