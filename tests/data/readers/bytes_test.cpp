#include "tersegrad/data/readers/bytes.hpp"

#include <sys/stat.h>

#include "data/files.hpp"
#include "data/largest_allocation.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

Bytes read_bytes(const Bytes& bytes) { return open_bytes("x", "", bytes)->read_all(1 << 30); }

/// Bytes that do not compress.
Bytes noise(std::size_t size) {
  Sequence random({.seed = size});
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

TEST(ByteStream, PassesPlainBytesAndInflatesGz) {
  // Around the 64 KiB that are read at once, and the doubling of buffers at 1 MiB.
  for (const std::size_t size : {0u, 1u, 2u, 3u, 65535u, 65536u, 65537u, 1048576u, 1048577u, 3000001u}) {
    SCOPED_TRACE(size);
    const Bytes content = noise(size);
    EXPECT_EQ(read_bytes(content), content);
    for (const int level : {0, 1, 9}) EXPECT_EQ(read_bytes(gzipped(content, level)), content);
    const auto stream = open_bytes("x", "", content);
    EXPECT_EQ(stream->read_exactly(size, size, "noise"), content);
    EXPECT_EQ(stream->position(), size);
    EXPECT_NO_THROW(stream->expect_end("noise"));
  }
}

TEST(ByteStream, JoinsGzMembers) {
  for (const std::size_t size : {1u, 70000u}) {
    const Bytes first = noise(size);
    Bytes file = gzipped(first, 0);
    for (const Bytes& part : {gzipped({}), gzipped(bytes_of("second"))})
      file.insert(file.end(), part.begin(), part.end());
    Bytes both = first;
    for (const char c : std::string("second")) both.push_back(static_cast<std::uint8_t>(c));
    EXPECT_EQ(read_bytes(file), both);
  }
}

TEST(ByteStream, JoinsGzMembersThatMeetWhereAReadEnds) {
  // The file is read 65536 bytes at a time: the second member begins 2, 1, 0 bytes before, and 1 behind such a place.
  for (const std::size_t end : {65534u, 65535u, 65536u, 65537u}) {
    const std::size_t overhead = gzipped(noise(65000), 0).size() - 65000;
    const Bytes content = noise(end - overhead);
    Bytes file = gzipped(content, 0);
    ASSERT_EQ(file.size(), end);
    const Bytes second = gzipped(bytes_of("!"));
    file.insert(file.end(), second.begin(), second.end());
    Bytes both = content;
    both.push_back('!');
    EXPECT_EQ(read_bytes(file), both) << end;
  }
}

TEST(ByteStream, EveryTruncationOfGzIsSeen) {
  const Bytes content = bytes_of("the quick brown fox jumps over the lazy dog, and over the lazy cat");
  const Bytes file = gzipped(content);
  for (std::size_t size = 2; size < file.size(); ++size) {
    SCOPED_TRACE(size);
    expect_error(error_of([&] { read_bytes(cut(file, size)); }), {"'x' ends at byte " + std::to_string(size), "gz"});
  }
  // What remains of the magic number alone is plain bytes, which the readers' own magic numbers refuse.
  EXPECT_EQ(read_bytes(cut(file, 1)), cut(file, 1));
}

TEST(ByteStream, NoFlippedBitOfGzGoesUnseen) {
  const Bytes content = bytes_of("the quick brown fox jumps over the lazy dog, and over the lazy cat");
  const Bytes file = gzipped(content);
  int harmless = 0;
  for (std::size_t byte = 2; byte < file.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes damaged = file;
      damaged[byte] = static_cast<std::uint8_t>(damaged[byte] ^ 1 << bit);
      Bytes got;
      if (error_of([&] { got = read_bytes(damaged); }).empty()) {
        EXPECT_EQ(got, content) << "bit " << bit << " of byte " << byte;
        ++harmless;
      }
    }
  }
  // What may change: time stamp, level, system and text flag (7 bytes in the header), the bits that fill the last byte.
  EXPECT_LE(harmless, 7 * 8 + 7);
}

TEST(ByteStream, GarbageBehindGzIsSeen) {
  for (const Bytes& garbage :
       {Bytes{0}, Bytes{0x1f}, Bytes{0x1f, 0x8c}, Bytes(100, 0), Bytes{0x1f, 0x8b}, noise(70000)}) {
    for (const std::size_t size : {3u, 70000u}) {
      Bytes file = gzipped(noise(size), 0);
      const std::size_t end = file.size();
      file.insert(file.end(), garbage.begin(), garbage.end());
      const std::string text = error_of([&] { read_bytes(file); });
      expect_error(text, {"'x'"});
      if (garbage.size() != 2) expect_error(text, {"at byte " + std::to_string(end)});
    }
  }
}

TEST(ByteStream, PromisedSizesAskForNoMemory) {
  for (const Bytes& file : {bytes_of("0123456789"), gzipped(bytes_of("0123456789"))}) {
    const auto stream = open_bytes("x", "get another", file);
    reset_largest_allocation();
    expect_error(
        error_of([&] { stream->read_exactly(std::uint64_t{1} << 45, (std::uint64_t{1} << 45) + 16, "many images"); }),
        {"'x' ends at byte 10", "expected 35184372088848 bytes for many images", "; get another"});
    EXPECT_LE(largest_allocation(), std::size_t{2} << 20);
  }
}

TEST(ByteStream, TruncatedGzSaysWhatWasExpected) {
  const Bytes file = cut(gzipped(noise(1000)), 500);
  expect_error(error_of([&] { open_bytes("x", "", file)->read_exactly(1000, 1000, "noise"); }),
               {"ends at byte 500", "expected 1000 bytes for noise"});
}

TEST(ByteStream, ALimitStopsAnInflatedBomb) {
  const Bytes bomb = gzipped(Bytes(8 << 20, 0));
  EXPECT_LT(bomb.size(), 20000u);
  reset_largest_allocation();
  expect_error(error_of([&] { open_bytes("x", "", bomb)->read_all(1 << 20); }), {"larger than 1048576 bytes"});
  EXPECT_LE(largest_allocation(), std::size_t{4} << 20);
  EXPECT_EQ(open_bytes("x", "", bomb)->read_all(8 << 20).size(), std::size_t{8} << 20);
}

TEST(ByteStream, ExpectEndNamesTheByte) {
  const Bytes content = bytes_of("abc");
  const auto stream = open_bytes("x", "", content);
  stream->read_exactly(2, 2, "two letters");
  expect_error(error_of([&] { stream->expect_end("two letters"); }), {"'x' goes on after byte 2", "two letters"});
}

using ByteFile = FolderTest;

TEST_F(ByteFile, ReadsFilesOfBothKinds) {
  const Bytes content = noise(200000);
  for (const Bytes& file : {content, gzipped(content)}) {
    for (const char* name : {"a.gz", "a"}) {  // the name does not matter: browsers inflate and keep it
      EXPECT_EQ(open_bytes(put(name, file), "")->read_all(1 << 30), content);
    }
  }
}

TEST_F(ByteFile, RefusesWhatIsNoReadableFile) {
  expect_error(error_of([&] { open_bytes(folder_ / "missing", "get it"); }),
               {"missing' cannot be opened: No such file", "; get it"});
  expect_error(error_of([&] { open_bytes(folder_, ""); }), {folder_.string(), "not a regular file"});
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  expect_error(error_of([&] { open_bytes(folder_ / "pipe", ""); }),
               {"pipe' is not a regular file"});  // and does not wait
  expect_error(error_of([&] { open_bytes(std::filesystem::path("/dev/zero"), ""); }), {"not a regular file"});
}

}  // namespace
}  // namespace tersegrad
