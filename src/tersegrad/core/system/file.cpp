#include "tersegrad/core/system/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/system/file_system.hpp"

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
  /// Some file systems write when a file is closed, and say only then that they could not.
  void close(const std::filesystem::path& path) {
    if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) fail("write", path);
  }

 private:
  int fd_;
};

/// \param call fsync or fdatasync
void flush(int file, int (*call)(int), const std::filesystem::path& path) {
  while (call(file) != 0) {
    if (errno == EINTR) continue;
    if (!not_offered(errno)) fail("flush", path);
    remark_not_offered("fsync", path, errno,
                       "results are written, but a machine that fails loses what it has not yet brought to the disk");
    return;
  }
}

/// All of `content`. \param whole what is written, for the message: its partial file goes if that fails
void write_all(int file, std::string_view content, const std::filesystem::path& whole,
               const std::filesystem::path& partial) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int reason = written == 0 ? ENOSPC : errno;
      ::unlink(partial.c_str());
      errno = reason;
      fail("write", whole);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::filesystem::path partial_path(const std::filesystem::path& path) {
  auto partial = path;
  partial += ".part";
  return partial;
}

void flush_to_disk(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY, "open");
  flush(file.get(), ::fsync, path);
}

void commit_file(const std::filesystem::path& path) {
  const auto partial = partial_path(path);
  flush_to_disk(partial);
  move_file(partial, path);
  flush_folder(path.parent_path());  // the new name is on the disk once the folder is
}

void move_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  const int reason = errno;
  // EEXIST: some can rename, but not to a name that is taken.
  if (!not_offered(reason) && reason != EEXIST) fail("rename to", to);
  copy_content(from, to);
  flush_to_disk(to);
  remark_not_offered("rename", to, reason, "files are copied instead, and an end of the process meanwhile leaves both");
  if (::unlink(from.c_str()) != 0 && !not_offered(errno)) fail("remove", from);
}

void copy_content(const std::filesystem::path& from, const std::filesystem::path& to) {
  const Descriptor source(from, O_RDONLY, "open");
  Descriptor target(to, O_WRONLY | O_CREAT | O_TRUNC, "create");
  std::vector<char> chunk(std::size_t{1} << 20);
  for (;;) {
    tell_progress();
    const ssize_t got = ::read(source.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int reason = errno;
      ::unlink(to.c_str());
      errno = reason;
      fail("read", from);
    }
    if (got == 0) break;
    write_all(target.get(), {chunk.data(), static_cast<std::size_t>(got)}, to, to);
  }
  target.close(to);
}

void flush_folder(const std::filesystem::path& path) {
  const std::filesystem::path named = path.empty() ? "." : path;
  const int folder = ::open(named.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) {
    if (errno != ENOENT && !not_offered(errno)) fail("open", named);  // one may write where one may not read
    return;
  }
  try {
    flush(folder, ::fsync, named);
  } catch (const Error&) {
    ::close(folder);
    throw;
  }
  ::close(folder);
}

void write_file(const std::filesystem::path& path, std::span<const std::string_view> pieces,
                const std::function<void()>& advanced) {
  constexpr std::size_t at_once = std::size_t{4} << 20;
  const auto partial = partial_path(path);
  Descriptor file(partial, O_WRONLY | O_CREAT | O_TRUNC, "create");
  std::size_t unflushed = 0;
  for (std::string_view content : pieces) {
    while (!content.empty()) {
      const auto next = content.substr(0, advanced ? at_once - unflushed : content.size());
      write_all(file.get(), next, path, partial);
      content.remove_prefix(next.size());
      unflushed += next.size();
      if (!advanced || unflushed < at_once) continue;
      flush(file.get(), ::fdatasync, path);
      unflushed = 0;
      advanced();
    }
  }
  file.close(path);
  commit_file(path);
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  write_file(path, std::span<const std::string_view>(&content, 1));
}

RegularFile::RegularFile(const std::filesystem::path& path) : path_(path) {
  fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // a pipe that nobody writes to would not open
  if (fd_ < 0) fail("open", path);
  struct stat status{};
  const int failed = ::fstat(fd_, &status);
  const int reason = errno;
  if (failed == 0 && S_ISREG(status.st_mode)) {
    bytes_ = static_cast<std::uint64_t>(status.st_size);
    return;
  }
  ::close(fd_);
  errno = reason;
  if (failed != 0) fail("read", path);
  throw Error(concat("cannot read '", path.string(), "': it is not a regular file"));
}

RegularFile::~RegularFile() { ::close(fd_); }

std::size_t RegularFile::read(std::uint64_t at, std::span<std::byte> to) const {
  constexpr std::size_t at_once = std::size_t{4} << 20;
  std::size_t got = 0;
  while (got < to.size()) {
    tell_progress();
    const ssize_t part =
        ::pread(fd_, to.data() + got, std::min(to.size() - got, at_once), static_cast<off_t>(at + got));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) fail("read", path_);
    if (part == 0) break;
    got += static_cast<std::size_t>(part);
  }
  return got;
}

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  const RegularFile file(path);
  const auto require_length = [&](std::uint64_t bytes) {
    TERSEGRAD_CHECK(bytes <= limit, "cannot read '", path.string(), "': it is longer than ", limit, " bytes");
  };
  require_length(file.bytes());
  std::string content;
  std::byte chunk[1 << 16];
  for (;;) {
    const std::size_t got = file.read(content.size(), chunk);
    content.append(reinterpret_cast<const char*>(chunk), got);
    require_length(content.size());  // it may grow meanwhile
    if (got < sizeof chunk) return content;
  }
}

void require_present(const std::filesystem::path& path) {
  struct stat status{};
  TERSEGRAD_CHECK(::stat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR), "'", path.string(),
                  "' was removed or renamed while it was being written: what it held is lost");
}

}  // namespace tersegrad
