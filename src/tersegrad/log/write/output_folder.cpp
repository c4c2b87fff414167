#include "tersegrad/log/write/output_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/core/system/file_system.hpp"
#include "tersegrad/log/read/held_run.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;
constexpr const char* lock_name = ".tersegrad-lock";
constexpr const char* checkpoints_name = "checkpoints";
constexpr const char* hdf5_name = "run.h5";
constexpr const char* csv_name = "metrics.csv";
constexpr const char* jsonl_name = "metrics.jsonl";
constexpr const char* no_guard = "nothing keeps a second run out of this folder";

/// Where a log stands until its records are in the log of the run that goes on.
fs::path aside(fs::path path) { return path += ".previous"; }

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  TERSEGRAD_CHECK(!error, "cannot remove '", path.string(), "': ", error.message());
}

}  // namespace

void flush_logs(const fs::path& folder, const std::function<void()>& advanced) {
  for (const char* name : {hdf5_name, csv_name, jsonl_name}) {
    const auto partial = partial_path(folder / name);
    if (!is_there(partial)) continue;
    flush_to_disk(partial);
    if (advanced) advanced();
  }
}

OutputFolder::OutputFolder(const fs::path& folder, ExistingRun existing) : folder_(folder) {
  TERSEGRAD_CHECK(!folder.empty(), "the output folder's name is empty");
  std::error_code error;
  auto old = fs::absolute(folder_);  // what is there already
  while (!old.empty() && old != old.root_path() && !fs::exists(old, error)) old = old.parent_path();
  created_ = fs::create_directories(folder_, error);
  TERSEGRAD_CHECK(!error, "cannot create the output folder '", folder_.string(), "': ", error.message());
  // The names of the new folders. Each is in the folder above it.
  for (auto made = fs::absolute(folder_); created_ && made != old && made.has_relative_path();) {
    made = made.parent_path();
    flush_folder(made);
  }
  lock();
  try {
    prepare(existing);
  } catch (...) {
    unlock();
    throw;
  }
}

/// Everything is looked at before anything is changed.
void OutputFolder::prepare(ExistingRun existing) const {
  const HeldRun held = look_at_run(folder_);
  const std::string named = concat("the output folder '", folder_.string(), "'");
  TERSEGRAD_CHECK(existing != ExistingRun::refuse || held.files.empty(), named, " already holds a run ('",
                  held.files.empty() ? "" : held.files.front().filename().string(),
                  "'); choose another, or give --overwrite or --resume");
  if (existing == ExistingRun::resume) {
    set_log_aside();
    remove_file(folder_ / "summary.json");
  } else if (!held.files.empty()) {
    TERSEGRAD_CHECK(existing == ExistingRun::overwrite_checkpoints || !held.has_unfinished_checkpoints(), named,
                    " holds an unfinished run, with checkpoints up to step ", held.checkpoints.front(),
                    ": --resume goes on with it, --overwrite=checkpoints replaces it");
    for (const auto& place : {folder_, folder_ / checkpoints_name}) {
      TERSEGRAD_CHECK(!is_there(place) || ::access(place.c_str(), W_OK) == 0, "cannot remove files from '",
                      place.string(), "': ", std::strerror(errno));
    }
    for (const auto& file : held.files) remove_file(file);
    ::rmdir((folder_ / checkpoints_name).c_str());  // refuses when anything else is in it
  }
}

OutputFolder::~OutputFolder() { unlock(); }

void OutputFolder::set_log_aside() const {
  for (const char* name : {hdf5_name, csv_name}) {
    const auto log = folder_ / name;
    // A previous log is there already when a resume was itself stopped before it had copied it.
    for (const auto& candidate : {log, partial_path(log)}) {
      if (!is_there(aside(log)) && is_there(candidate)) move_file(candidate, aside(log));
    }
  }
}

PastLog OutputFolder::previous_log() const {
  const auto existing = [&](const char* name) {
    const auto previous = aside(folder_ / name);
    return is_there(previous) ? previous : fs::path();
  };
  return {existing(hdf5_name), existing(csv_name)};
}

void OutputFolder::discard_previous_log() {
  flush_logs(folder_);
  flush_folder(folder_);
  for (const char* name : {hdf5_name, csv_name}) remove_file(aside(folder_ / name));
}

void OutputFolder::lock() {
  const auto path = folder_ / lock_name;
  const auto release = [&] { ::close(std::exchange(lock_fd_, -1)); };
  const auto fail = [&](int reason) {
    unlock();
    throw Error(concat("cannot write into the output folder '", folder_.string(), "': ", std::strerror(reason)));
  };
  for (int attempt = 1;; ++attempt) {
    lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_fd_ < 0) fail(errno);
    int refused = 0;
    while (::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
      refused = errno;
      if (refused != EINTR) break;
      refused = 0;
    }
    if (refused == EWOULDBLOCK) {
      char text[32] = {};
      const ssize_t length = ::read(lock_fd_, text, sizeof text - 1);
      const std::string holder(text, std::strcspn(text, "\n"));
      release();
      throw Error(concat("the output folder '", folder_.string(), "' is in use by another run",
                         length > 0 ? concat(" (process ", holder, ")") : std::string(),
                         "; wait for it or choose another"));
    }
    if (refused != 0 && !not_offered(refused)) {
      release();
      fail(refused);
    }
    if (refused != 0) remark_not_offered("flock", path, refused, no_guard);
    struct stat opened{}, named{};
    const bool seen = ::fstat(lock_fd_, &opened) == 0 && ::stat(path.c_str(), &named) == 0;
    if (const int reason = errno; !seen && reason != ENOENT) {
      unlock();
      throw Error(concat("cannot look at '", path.string(), "': ", std::strerror(reason)));
    }
    if (seen && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) break;
    // Its holder removed the file between our opening and our locking it, and we begin again; or files have other
    // numbers each time that they are looked at, for ever.
    if (attempt == 100) {
      remark_not_offered("lasting file numbers", path, ENOSYS, no_guard);
      break;
    }
    release();
  }
  // For the message to another run only.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if ((::ftruncate(lock_fd_, 0) != 0 && !not_offered(errno)) || ::write(lock_fd_, pid.data(), pid.size()) < 0) fail(errno);
}

void OutputFolder::unlock() {
  if (lock_fd_ < 0) return;
  ::unlink((folder_ / lock_name).c_str());  // while it is held: nobody else can have locked this file
  ::close(lock_fd_);
  lock_fd_ = -1;
  if (created_) ::rmdir(folder_.c_str());  // leaves no empty folder behind; refuses when anything is in it
}

}  // namespace tersegrad
