// The folder of real data sets that tests use when it is there.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tersegrad {

/// The folder with mnist/, cifar10/ and breast_cancer/, or an empty path if there is none.
///
/// TERSEGRAD_TEST_DATA names it; without it, it is shared/data beside the repository. Where CIFAR-10 lies there only
/// compressed, the folder's own `unpack` script lays everything out in the build folder, once.
inline std::filesystem::path test_data_folder() {
  namespace fs = std::filesystem;
  const char* given = std::getenv("TERSEGRAD_TEST_DATA");
  const fs::path source = given && *given ? fs::path(given) : fs::path(TERSEGRAD_SOURCE_DIR) / ".." / "shared" / "data";
  std::error_code ignored;
  if (!fs::is_directory(source, ignored)) return {};
  if (fs::exists(source / "cifar10" / "test_batch.bin", ignored) || !fs::exists(source / "unpack", ignored))
    return source;

  const fs::path unpacked = fs::path(TERSEGRAD_BUILD_DIR) / "test-data";
  fs::create_directories(unpacked, ignored);
  // Test programs run at the same time: one unpacks, the others wait for it.
  const int lock = ::open((unpacked / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return source;
  ::flock(lock, LOCK_EX);
  int status = 0;
  if (!fs::exists(unpacked / "cifar10" / "test_batch.bin", ignored)) {
    const auto quoted = [](const fs::path& path) {
      std::string text = "'";
      for (const char c : path.string()) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
      return text + "'";
    };
    status = std::system((quoted(source / "unpack") + " " + quoted(unpacked)).c_str());
  }
  ::close(lock);
  return status == 0 ? unpacked : source;
}

}  // namespace tersegrad

/// Ends the test as skipped, saying why, unless `name` is there below the folder of real data.
#define TERSEGRAD_NEEDS_DATA(folder, name)                                                      \
  const std::filesystem::path folder = ::tersegrad::test_data_folder();                         \
  if (folder.empty() || !std::filesystem::exists(folder / (name))) {                            \
    GTEST_SKIP() << "real data '" << (name) << "' is not there (looked in '" << folder.string() \
                 << "'); set TERSEGRAD_TEST_DATA to the folder that holds it";                  \
  }                                                                                             \
  static_assert(true, "")
