#include "tersegrad/data/readers/idx.hpp"

#include "data/files.hpp"
#include "data/largest_allocation.hpp"

namespace tersegrad {
namespace {

IdxImages images_in(const Bytes& file) { return read_idx_images(*open_bytes("pictures", "get it again", file)); }
Bytes labels_in(const Bytes& file) { return read_idx_labels(*open_bytes("classes", "get it again", file), 10); }

TEST(Idx, ReadsImagesAndLabels) {
  for (const Bytes& file : {idx_images(3, 2, 5), gzipped(idx_images(3, 2, 5))}) {
    const auto images = images_in(file);
    EXPECT_EQ(images.count, 3);
    EXPECT_EQ(images.height, 2);
    EXPECT_EQ(images.width, 5);
    EXPECT_EQ(images.pixels,
              (Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  }
  EXPECT_EQ(labels_in(idx_labels(12)), (Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1}));
}

TEST(Idx, EveryTruncationNamesTheByteAndWhatWasExpected) {
  const Bytes images = idx_images(3, 2, 2);
  for (std::size_t size = 0; size < images.size(); ++size) {
    SCOPED_TRACE(size);
    const std::string text = error_of([&] { images_in(cut(images, size)); });
    if (size < 4) {
      expect_error(text, {"'pictures' ends at byte " + std::to_string(size), "header", "; get it again"});
    } else if (size < 16) {
      expect_error(text, {"'pictures' ends at byte " + std::to_string(size), "header", "16", "; get it again"});
    } else {
      expect_error(text, {"'pictures' ends at byte " + std::to_string(size), "expected 28 bytes for 3 images of 2x2",
                          "; get it again"});
    }
  }
  const Bytes labels = idx_labels(5);
  for (std::size_t size = 0; size < labels.size(); ++size) {
    expect_error(error_of([&] { labels_in(cut(labels, size)); }),
                 {"'classes' ends at byte " + std::to_string(size), "; get it again"});
  }
  // The compressed file, cut anywhere.
  const Bytes compressed = gzipped(idx_images(30, 9, 9));
  for (std::size_t size = 0; size < compressed.size(); ++size) {
    expect_error(error_of([&] { images_in(cut(compressed, size)); }), {"'pictures'", "; get it again"});
  }
}

TEST(Idx, SurplusBytesAreRefused) {
  Bytes images = idx_images(3, 2, 2);
  images.push_back(0);
  expect_error(error_of([&] { images_in(images); }), {"'pictures' goes on after byte 28", "3 images of 2x2"});
  Bytes labels = idx_labels(4);
  labels.insert(labels.end(), 1000, 1);
  expect_error(error_of([&] { labels_in(labels); }), {"'classes' goes on after byte 12", "4 labels"});
}

TEST(Idx, WrongMagicIsShown) {
  for (std::size_t byte = 0; byte < 4; ++byte) {
    Bytes images = idx_images(1, 1, 1);
    images[byte] = 0x5a;
    expect_error(error_of([&] { images_in(images); }),
                 {"'pictures' begins with the bytes ", "5a", "expected 00 00 08 03"});
  }
  // The other kind of file, and a web page that a download brought instead.
  expect_error(error_of([&] { images_in(idx_labels(40)); }), {"00 00 08 01", "expected 00 00 08 03", "images"});
  expect_error(error_of([&] { labels_in(idx_images(1, 4, 4)); }), {"00 00 08 03", "expected 00 00 08 01", "labels"});
  expect_error(error_of([&] { images_in(bytes_of("<!DOCTYPE html><html>")); }), {"3c 21 44 4f"});
  expect_error(error_of([&] { images_in(bytes_of("<")); }), {"begins with the bytes 3c ("});
  expect_error(error_of([&] { images_in(gzipped(bytes_of("<!DOCTYPE html><html>"))); }), {"3c 21 44 4f"});
}

TEST(Idx, AbsurdSizesAskForNoMemory) {
  constexpr std::uint32_t big = 0xffffffffu;
  struct Case {
    std::uint32_t count, height, width;
  };
  for (const Case c :
       {Case{1u << 31, 28, 28}, Case{big, big, big}, Case{1, big, 1}, Case{1, 1, big}, Case{1, 65536, 1},
        Case{65535, 65535, 65535}, Case{big, 65535, 65535}, Case{0, 28, 28}, Case{5, 0, 28}, Case{5, 28, 0}}) {
    SCOPED_TRACE(concat(c.count, "x", c.height, "x", c.width));
    Bytes file = idx_header({c.count, c.height, c.width});
    file.insert(file.end(), 1000, 0);
    for (const Bytes& bytes : {file, gzipped(file)}) {
      reset_largest_allocation();
      expect_error(error_of([&] { images_in(bytes); }),
                   {"'pictures' claims at bytes 4 to 15", concat(c.count, " images of ", c.height, "x", c.width),
                    "; get it again"});
      EXPECT_LE(largest_allocation(), std::size_t{2} << 20);
    }
  }
  // Within what is accepted, yet far more than there is: 3.3 GB.
  Bytes file = idx_header({1u << 22, 28, 28});
  file.insert(file.end(), 1000, 0);
  reset_largest_allocation();
  expect_error(error_of([&] { images_in(file); }),
               {"ends at byte 1016", "expected 3288334352 bytes for 4194304 images of 28x28"});
  EXPECT_LE(largest_allocation(), std::size_t{4} << 20);
  expect_error(error_of([&] { labels_in(idx_header({0})); }), {"'classes' claims at bytes 4 to 7 to hold 0 labels"});
  expect_error(error_of([&] { labels_in(idx_header({big})); }),
               {"'classes' ends at byte 8", "expected 4294967303 bytes"});
}

TEST(Idx, LabelOutOfRangeNamesTheRow) {
  Bytes labels = idx_labels(20);
  labels[8 + 13] = 10;
  expect_error(error_of([&] { labels_in(labels); }),
               {"'classes' has the label 10 in row 13 (byte 21; expected 0 to 9)"});
  labels[8 + 2] = 255;
  expect_error(error_of([&] { labels_in(labels); }), {"label 255 in row 2"});
}

}  // namespace
}  // namespace tersegrad
