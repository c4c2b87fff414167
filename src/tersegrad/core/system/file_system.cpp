#include "tersegrad/core/system/file_system.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>
#include <system_error>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

bool absent(int reason) { return reason == ENOENT || reason == ENOTDIR; }

[[noreturn]] void fail(const fs::path& path, int reason) {
  throw Error(concat("cannot look at '", path.string(), "': ", std::strerror(reason)));
}

}  // namespace

bool is_there(const fs::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (!absent(errno)) fail(path, errno);
  return false;
}

bool is_folder(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return S_ISDIR(status.st_mode);
  if (!absent(errno)) fail(path, errno);
  TERSEGRAD_CHECK(!is_there(path), "'", path.string(), "' is a link to what is not there (a disk that is not mounted?)");
  return false;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  TERSEGRAD_CHECK(!error, "cannot read the folder '", folder.string(), "': ", error.message());
  std::sort(names.begin(), names.end());
  return names;
}

bool not_offered(int reason) {
  switch (reason) {
    case ENOSYS:
    case EINVAL:
    case EOPNOTSUPP:  // ENOTSUP is the same number
    case ENOTTY:
    case ENOLCK:  // locks, on a network file system without a lock server
    case EXDEV:   // renames, on unions of file systems
    case EPERM:   // sandboxes
    case EACCES:  // SMB: a flush of what was opened for reading
    case EBADF:   // SMB and 9p: a flush of a folder
      return true;
    default:
      return false;
  }
}

void remark_once(const std::string& subject, const std::string& text) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard<std::mutex> lock(mutex);
  if (said.insert(subject).second) std::fprintf(stderr, "tersegrad: remark: %s\n", text.c_str());
}

void remark_not_offered(const std::string& operation, const fs::path& path, int reason,
                        const std::string& consequence) {
  remark_once(operation, concat("the file system of '", path.string(), "' has no ", operation, " (",
                                std::strerror(reason), "): ", consequence));
}

}  // namespace tersegrad
