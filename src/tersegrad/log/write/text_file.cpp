#include "tersegrad/log/write/text_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t buffer_limit = std::size_t{1} << 16;

[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int reason) {
  throw Error(concat("cannot ", what, " '", path.string(), "': ", std::strerror(reason)));
}

}  // namespace

TextFile::TextFile(const std::filesystem::path& path) : path_(path) {
  const auto partial = partial_path(path);
  fd_ = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("create", partial, errno);
  struct stat status{};
  counts_links_ = ::fstat(fd_, &status) == 0 && status.st_nlink > 0;  // some file systems have 0 of every file
  buffer_.reserve(buffer_limit + 4096);
}

TextFile::~TextFile() {
  try {
    flush();
  } catch (const Error&) {  // already reported, or nobody left to report to
  }
  close();
}

bool TextFile::close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR; }

void TextFile::write(std::string_view lines) {
  buffer_ += lines;
  if (buffer_.size() >= buffer_limit || timer_.due()) flush();
}

void TextFile::flush() {
  if (fd_ < 0) return;
  timer_.run([&] {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        const int reason = written == 0 ? ENOSPC : errno;
        close();  // one failure, one message: the destructor must not try again
        fail("write", partial_path(path_), reason);
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
    // A file without a name takes every write, and nobody will ever read it.
    struct stat status{};
    const auto partial = partial_path(path_);
    try {
      require_present(partial);
      TERSEGRAD_CHECK(!counts_links_ || ::fstat(fd_, &status) != 0 || status.st_nlink > 0, "'", partial.string(),
                      "' was replaced while it was being written: what it held is lost");
    } catch (const Error&) {
      close();
      throw;
    }
  });
}

void TextFile::commit() {
  TERSEGRAD_CHECK(fd_ >= 0, "cannot finish '", path_.string(), "': an earlier write to it failed");
  flush();
  if (!close()) fail("write", partial_path(path_), errno);  // some file systems write only now
  commit_file(path_);
}

void append_number(std::string& text, double value, NonFinite spelling) {
  if (!std::isfinite(value)) {
    text += spelling == NonFinite::null ? "null" : std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    return;
  }
  char digits[40];
  const bool whole = value == std::trunc(value) && std::abs(value) < 0x1p53 && !(value == 0 && std::signbit(value));
  const auto end = whole ? std::to_chars(digits, digits + sizeof digits, static_cast<std::int64_t>(value))
                         : std::to_chars(digits, digits + sizeof digits, value);
  text.append(digits, end.ptr);
}

}  // namespace tersegrad
