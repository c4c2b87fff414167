// What the tests of data/ share: files made up on the spot, and the text of errors.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

using Bytes = std::vector<std::uint8_t>;

/// The text of the Error that `action` throws; "" if it throws none. Any other exception fails the test.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "not an Error: " << error.what();
  }
  return {};
}

/// One clear line that says all of `parts`.
inline void expect_error(const std::string& text, const std::vector<std::string>& parts) {
  EXPECT_FALSE(text.empty()) << "no Error was thrown";
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  for (const auto& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

/// A folder of its own for each test, removed behind it.
class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / (std::string("tersegrad-") + test->test_suite_name() + "-" +
                                                        test->name() + "-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path put(const std::filesystem::path& name, const Bytes& content) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    return path;
  }

  std::filesystem::path folder_;
};

inline Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

/// gz with zlib's own writer.
inline Bytes gzipped(const Bytes& content, int level = 6) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes out(deflateBound(&stream, static_cast<uLong>(content.size())) + 64);
  stream.next_in = const_cast<std::uint8_t*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline void append_u32(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

inline Bytes idx_header(const std::vector<std::uint32_t>& sizes) {
  Bytes bytes{0, 0, 8, static_cast<std::uint8_t>(sizes.size())};
  for (const auto size : sizes) append_u32(bytes, size);
  return bytes;
}

/// Images whose pixel j of image i is (i + j) mod 256.
inline Bytes idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  Bytes bytes = idx_header({count, height, width});
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t j = 0; j < height * width; ++j) bytes.push_back(static_cast<std::uint8_t>(i + j));
  }
  return bytes;
}

/// Labels i mod 10.
inline Bytes idx_labels(std::uint32_t count) {
  Bytes bytes = idx_header({count});
  for (std::uint32_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i % 10));
  return bytes;
}

/// The first `size` bytes.
inline Bytes cut(const Bytes& bytes, std::size_t size) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace tersegrad
