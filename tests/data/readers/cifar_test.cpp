#include "tersegrad/data/readers/cifar.hpp"

#include "data/files.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t record = 3073;

/// Record i: label i mod 10, pixel j is (3 i + j) mod 256.
Bytes records(std::size_t count) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i % 10));
    for (std::size_t j = 0; j < record - 1; ++j) bytes.push_back(static_cast<std::uint8_t>(3 * i + j));
  }
  return bytes;
}

struct Batch {
  Bytes pixels, labels;
};

Batch read(const Bytes& file, std::int64_t rows) {
  Batch batch;
  read_cifar(*open_bytes("batch", "get it again", file), rows, batch.pixels, batch.labels);
  return batch;
}

TEST(Cifar, ReadsRecords) {
  for (const Bytes& file : {records(13), gzipped(records(13))}) {
    const Batch batch = read(file, 13);
    ASSERT_EQ(batch.labels.size(), 13u);
    ASSERT_EQ(batch.pixels.size(), 13u * 3072);
    for (std::size_t i = 0; i < 13; ++i) {
      EXPECT_EQ(batch.labels[i], i % 10);
      for (const std::size_t j : {0u, 1u, 1024u, 3071u}) {
        EXPECT_EQ(batch.pixels[i * 3072 + j], static_cast<std::uint8_t>(3 * i + j));
      }
    }
  }
}

TEST(Cifar, AppendsFileToFile) {
  Batch batch;
  for (int i = 0; i < 2; ++i) read_cifar(*open_bytes("batch", "", records(4)), 4, batch.pixels, batch.labels);
  EXPECT_EQ(batch.labels.size(), 8u);
  EXPECT_EQ(batch.pixels[4 * 3072 + 7], 7);
}

TEST(Cifar, TruncationNamesTheByte) {
  const Bytes file = records(4);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, record - 1, record, record + 1, 3 * record, 4 * record - 1}) {
    expect_error(error_of([&] { read(cut(file, size), 4); }),
                 {concat("'batch' ends at byte ", size, " (expected"),
                  "expected 12292 bytes for 4 records of 3073 bytes", "; get it again"});
  }
}

TEST(Cifar, SurplusBytesAreRefused) {
  Bytes file = records(5);
  expect_error(error_of([&] { read(file, 4); }), {"'batch' goes on after byte 12292", "4 records"});
  expect_error(error_of([&] { read(cut(file, 4 * record + 1), 4); }), {"goes on after byte 12292"});
}

TEST(Cifar, LabelOutOfRangeNamesTheRow) {
  Bytes file = records(4);
  file[2 * record] = 10;
  expect_error(error_of([&] { read(file, 4); }), {"'batch' has the label 10 in row 2 (byte 6146; expected 0 to 9)"});
}

}  // namespace
}  // namespace tersegrad
