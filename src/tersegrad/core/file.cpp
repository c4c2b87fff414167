#include "tersegrad/core/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
  const int reason = errno;
  throw Error(concat("cannot ", what, " '", path.string(), "': ", std::strerror(reason)));
}

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, const char* what) : fd_(::open(path.c_str(), flags, 0644)) {
    if (fd_ < 0) fail(what, path);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::filesystem::path partial_path(const std::filesystem::path& path) {
  auto partial = path;
  partial += ".part";
  return partial;
}

void flush_to_disk(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY, "open");
  if (::fsync(file.get()) != 0) fail("flush", path);
}

void commit_file(const std::filesystem::path& path) {
  const auto partial = partial_path(path);
  flush_to_disk(partial);
  if (::rename(partial.c_str(), path.c_str()) != 0) fail("rename to", path);
  flush_folder(path.parent_path());  // the new name is on the disk once the folder is
}

void flush_folder(const std::filesystem::path& path) {
  const int folder = ::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

void write_file(const std::filesystem::path& path, std::span<const std::string_view> pieces,
                const std::function<void()>& advanced) {
  constexpr std::size_t at_once = std::size_t{4} << 20;
  const auto partial = partial_path(path);
  {
    const Descriptor file(partial, O_WRONLY | O_CREAT | O_TRUNC, "create");
    std::size_t unflushed = 0;
    for (std::string_view content : pieces) {
      while (!content.empty()) {
        const ssize_t written =
            ::write(file.get(), content.data(), advanced ? std::min(content.size(), at_once) : content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
          const int reason = errno;
          ::unlink(partial.c_str());
          errno = reason;
          fail("write", path);
        }
        content.remove_prefix(static_cast<std::size_t>(written));
        unflushed += static_cast<std::size_t>(written);
        if (!advanced || unflushed < at_once) continue;
        if (::fdatasync(file.get()) != 0) fail("flush", path);
        unflushed = 0;
        advanced();
      }
    }
  }
  commit_file(path);
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  write_file(path, std::span<const std::string_view>(&content, 1));
}

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file(path, O_RDONLY | O_NONBLOCK, "open");  // a pipe that nobody writes to would not open
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) fail("read", path);
  TERSEGRAD_CHECK(S_ISREG(status.st_mode), "cannot read '", path.string(), "': it is not a regular file");
  const auto require_length = [&](std::size_t bytes) {
    TERSEGRAD_CHECK(bytes <= limit, "cannot read '", path.string(), "': it is longer than ", limit, " bytes");
  };
  require_length(static_cast<std::size_t>(status.st_size));
  std::string content;
  char chunk[1 << 16];
  for (;;) {
    tell_progress();
    const ssize_t got = ::read(file.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path);
    if (got == 0) return content;
    content.append(chunk, static_cast<std::size_t>(got));
    require_length(content.size());  // it may grow meanwhile
  }
}

void require_present(const std::filesystem::path& path) {
  struct stat status{};
  TERSEGRAD_CHECK(::stat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR), "'", path.string(),
                  "' was removed or renamed while it was being written: what it held is lost");
}

}  // namespace tersegrad
