// Valid files, damaged at random: every reader answers with its content or one Error, never with anything else.
#include <functional>

#include "data/files.hpp"
#include "data/largest_allocation.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/data/readers/cifar.hpp"
#include "tersegrad/data/readers/csv.hpp"
#include "tersegrad/data/readers/idx.hpp"
#include "tersegrad/data/readers/token_shard.hpp"

namespace tersegrad {
namespace {

/// One to four of: a byte changed, a run removed, a run repeated, a run of one value, the end cut.
Bytes damaged(Bytes bytes, Sequence& random) {
  for (auto times = 1 + random.below(4); times > 0; --times) {
    if (bytes.empty()) return bytes;
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(random.below(bytes.size()));
    const auto end = begin + static_cast<std::ptrdiff_t>(random.below(
                                 std::min<std::uint64_t>(64, static_cast<std::uint64_t>(bytes.end() - begin)) + 1));
    switch (random.below(5)) {
      case 0:
        *begin = static_cast<std::uint8_t>(random());
        break;
      case 1:
        bytes.erase(begin, end);
        break;
      case 2: {
        const Bytes run(begin, end);
        bytes.insert(begin, run.begin(), run.end());
        break;
      }
      case 3:
        std::fill(begin, end, static_cast<std::uint8_t>(random.below(2) ? 0xff : 0x00));
        break;
      default:
        bytes.erase(begin, bytes.end());
        break;
    }
  }
  return bytes;
}

TEST(Mutation, ReadersAnswerWithContentOrOneError) {
  const std::string csv = "a,b,c\n1,2,3\n4.5,-6e3,0\n7,8,9\n";
  struct Reader {
    const char* name;
    Bytes valid;
    std::function<void(ByteStream&)> read;
  };
  const std::vector<Reader> readers{
      {"idx images", idx_images(20, 5, 5), [](ByteStream& bytes) { read_idx_images(bytes); }},
      {"idx labels", idx_labels(50), [](ByteStream& bytes) { read_idx_labels(bytes, 10); }},
      {"cifar", Bytes(2 * 3073, 3),
       [](ByteStream& bytes) {
         Bytes pixels, labels;
         read_cifar(bytes, 2, pixels, labels);
       }},
      {"token shard",
       [] {
         Bytes bytes{0x88, 0xd8, 0x34, 0x01, 1, 0, 0, 0, 50, 0, 0, 0};
         bytes.resize(1024 + 100, 3);
         return bytes;
       }(),
       [](ByteStream& bytes) { read_token_shard(bytes, TokenLayout::shard, 50257); }},
      {"csv", bytes_of(csv), [](ByteStream& bytes) { read_csv(bytes, Heading::present); }},
  };
  for (const auto& reader : readers) {
    for (const bool compressed : {false, true}) {
      const Bytes valid = compressed ? gzipped(reader.valid) : reader.valid;
      EXPECT_NO_THROW(reader.read(*open_bytes("valid", "", valid))) << reader.name;
      int refused = 0;
      for (std::uint64_t seed = 0; seed < 5000; ++seed) {
        SCOPED_TRACE(concat(reader.name, compressed ? ".gz" : "", ", seed ", seed));
        Sequence random({.seed = seed});
        const Bytes bytes = damaged(valid, random);
        reset_largest_allocation();
        const std::string text = error_of([&] { reader.read(*open_bytes("damaged", "", bytes)); });
        EXPECT_EQ(text.find('\n'), std::string::npos) << text;
        EXPECT_TRUE(text.empty() || text.starts_with("'damaged' ")) << text;
        EXPECT_LE(largest_allocation(), std::size_t{4} << 20);
        refused += !text.empty();
      }
      EXPECT_GT(refused, compressed ? 4000 : 500) << reader.name;
    }
  }
}

}  // namespace
}  // namespace tersegrad
