// What is read of a shared library without loading it, also of files that are damaged.
#include "tersegrad/core/system/shared_library.hpp"

#include <gtest/gtest.h>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/system/file.hpp"

extern "C" [[gnu::visibility("default")]] const char tersegrad_test_text[];
const char tersegrad_test_text[] = "a text\nof two lines";

namespace tersegrad {
namespace {

/// This program: a position-independent one is built as a shared library is. It exports the text above (CMakeLists.txt).
std::string own_file() { return read_file("/proc/self/exe"); }

TEST(SharedLibrary, AnExportedTextIsReadWhereItLies) {
  const std::string file = own_file();
  EXPECT_EQ(exported_text(file, "tersegrad_test_text"), tersegrad_test_text);
  EXPECT_EQ(exported_text(file, "tersegrad_test_tex"), std::nullopt);
}

TEST(SharedLibrary, DamagedFilesAreErrorsAndNeverReadBeyondTheirEnd) {
  const std::string file = own_file();
  int refused = 0;
  Sequence random({.seed = 3});
  for (int i = 0; i < 400; ++i) {
    std::string damaged = file;
    if (i % 2 == 0) {
      damaged.resize(random.below(file.size()));
      damaged.shrink_to_fit();
    } else {  // the header, or the table of sections at the end
      const std::size_t from = i % 4 == 1 ? 0 : file.size() - 2048, n = i % 4 == 1 ? 64 : 2048;
      for (int k = 0; k < 4; ++k) damaged[from + random.below(n)] = static_cast<char>(random.below(256));
    }
    try {
      exported_text(damaged, "tersegrad_test_text");
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("is not ")) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace tersegrad
