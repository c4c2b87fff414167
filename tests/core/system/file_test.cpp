#include "tersegrad/core/system/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("tersegrad-file-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(FileTest, WritesWholeAndLeavesNoPartialFile) {
  const auto path = folder_ / "a";
  const std::string content(200000, 'x');
  write_file(path, content);
  EXPECT_EQ(read_file(path), content);
  EXPECT_FALSE(std::filesystem::exists(partial_path(path)));
  write_file(path, "");
  EXPECT_EQ(read_file(path), "");
}

TEST_F(FileTest, FailureNamesThePathAndTheReason) {
  try {
    write_file(folder_ / "no" / "such", "x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no/such"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("No such file"), std::string::npos);
  }
  EXPECT_THROW(read_file(folder_ / "missing"), Error);
}

TEST_F(FileTest, ReadsNothingButRegularFilesOfABoundedLength) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const auto& path : {folder_ / "pipe", std::filesystem::path("/dev/zero"), folder_}) {
    try {
      read_file(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path.string() + "': it is not a regular file"), std::string::npos)
          << error.what();
    }
  }
  write_file(folder_ / "ten", "0123456789");
  EXPECT_EQ(read_file(folder_ / "ten", 10), "0123456789");
  EXPECT_THROW(read_file(folder_ / "ten", 9), Error);
  std::filesystem::resize_file(folder_ / "ten", std::uintmax_t{1} << 40);  // sparse: refused before it is read
  EXPECT_THROW(read_file(folder_ / "ten"), Error);
}

TEST_F(FileTest, FullDiskLeavesTheOldFile) {
  // /dev/full answers every write with "No space left on device".
  EXPECT_THROW(
      {
        std::filesystem::create_symlink("/dev/full", partial_path(folder_ / "b"));
        write_file(folder_ / "b", "content");
      },
      Error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b"));
}

}  // namespace
}  // namespace tersegrad
