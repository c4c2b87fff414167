#include "tersegrad/log/output_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/file.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;
constexpr const char* lock_name = ".tersegrad-lock";
constexpr const char* checkpoints_name = "checkpoints";
constexpr const char* hdf5_name = "run.h5";
constexpr const char* csv_name = "metrics.csv";
constexpr const char* jsonl_name = "metrics.jsonl";

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
    std::error_code none;
    if (!fs::exists(partial, none)) continue;
    flush_to_disk(partial);
    if (advanced) advanced();
  }
}

bool is_run_file(const std::string& name) {
  std::string_view rest = name;
  if (rest == aside(hdf5_name) || rest == aside(csv_name) || rest == "run.h5.new") return true;
  if (rest.ends_with(".part")) rest.remove_suffix(5);
  for (const std::string_view known : {hdf5_name, csv_name, jsonl_name, "summary.json"}) {
    if (rest == known) return true;
  }
  constexpr std::string_view checkpoint = "checkpoint-";
  if (!rest.starts_with(checkpoint)) return false;
  rest.remove_prefix(checkpoint.size());
  const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  rest.remove_prefix(digits);
  const bool suffix = rest.size() > 1 && rest.front() == '.' &&
                      std::all_of(rest.begin() + 1, rest.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
  return digits > 0 && (rest.empty() || suffix);
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
    const auto files = run_files();
    TERSEGRAD_CHECK(existing != ExistingRun::refuse || files.empty(), "the output folder '", folder_.string(),
                    "' already holds a run ('", files.empty() ? "" : files.front().filename().string(),
                    "'); choose another, or give --overwrite or --resume");
    if (existing == ExistingRun::overwrite) {
      for (const auto& file : files) remove_file(file);
      ::rmdir((folder_ / checkpoints_name).c_str());  // refuses when anything else is in it
    } else if (existing == ExistingRun::resume) {
      set_log_aside();
      remove_file(folder_ / "summary.json");
    }
  } catch (...) {
    unlock();
    throw;
  }
}

OutputFolder::~OutputFolder() { unlock(); }

void OutputFolder::set_log_aside() const {
  for (const char* name : {hdf5_name, csv_name}) {
    const auto log = folder_ / name;
    std::error_code error;
    // A previous log is there already when a resume was itself stopped before it had copied it.
    for (const auto& candidate : {log, partial_path(log)}) {
      if (fs::exists(aside(log), error) || !fs::exists(candidate, error)) continue;
      fs::rename(candidate, aside(log), error);
      TERSEGRAD_CHECK(!error, "cannot rename '", candidate.string(), "': ", error.message());
    }
  }
}

PastLog OutputFolder::previous_log() const {
  const auto existing = [&](const char* name) {
    std::error_code error;
    const auto previous = aside(folder_ / name);
    return fs::exists(previous, error) ? previous : fs::path();
  };
  return {existing(hdf5_name), existing(csv_name)};
}

void OutputFolder::discard_previous_log() {
  flush_logs(folder_);
  flush_folder(folder_);
  for (const char* name : {hdf5_name, csv_name}) remove_file(aside(folder_ / name));
}

std::vector<fs::path> OutputFolder::run_files() const {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& place : {folder_, folder_ / checkpoints_name}) {
    if (place != folder_ && !fs::is_directory(place, none)) continue;
    std::error_code error;
    for (fs::directory_iterator entry(place, error), end; !error && entry != end; entry.increment(error)) {
      if (!is_run_file(entry->path().filename().string())) continue;
      TERSEGRAD_CHECK(!fs::is_directory(entry->symlink_status(none)), "'", entry->path().string(),
                      "' is a folder where a run writes a file; choose another output folder");
      files.push_back(entry->path());
    }
    TERSEGRAD_CHECK(!error, "cannot read the output folder '", place.string(), "': ", error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void OutputFolder::lock() {
  const auto path = folder_ / lock_name;
  for (;;) {
    lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    TERSEGRAD_CHECK(lock_fd_ >= 0, "cannot write into the output folder '", folder_.string(),
                    "': ", std::strerror(errno));
    if (::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      char holder[32] = {};
      const ssize_t length = ::read(lock_fd_, holder, sizeof holder - 1);
      ::close(lock_fd_);
      lock_fd_ = -1;
      throw Error(concat("the output folder '", folder_.string(), "' is in use by another run",
                         length > 0 ? concat(" (process ", holder, ")") : std::string(),
                         "; wait for it or choose another"));
    }
    // Other failures: a file system without locks. The run goes on; only the guard is missing.
    struct stat opened{}, named{};
    const bool same = ::fstat(lock_fd_, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
                      opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
    if (same) break;
    ::close(lock_fd_);  // its holder removed the file between our opening and our locking it: again
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock_fd_, 0) != 0 || ::write(lock_fd_, pid.data(), pid.size()) < 0) {
    const int reason = errno;
    unlock();
    throw Error(concat("cannot write into the output folder '", folder_.string(), "': ", std::strerror(reason)));
  }
}

void OutputFolder::unlock() {
  if (lock_fd_ < 0) return;
  ::unlink((folder_ / lock_name).c_str());  // while it is held: nobody else can have locked this file
  ::close(lock_fd_);
  lock_fd_ = -1;
  if (created_) ::rmdir(folder_.c_str());  // leaves no empty folder behind; refuses when anything is in it
}

}  // namespace tersegrad
