// Files are written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace tersegrad {

/// Writes `content` to `path`: to "<path>.part" first, flushed to the disk, then renamed over `path`.
/// \throws Error naming the path and the system's reason (disk full, not writable); the old file is then untouched.
void write_file(const std::filesystem::path& path, std::string_view content);
/// The same of several pieces, one behind the other.
/// \param advanced if given, told again and again while the disk takes the content: every 4 MiB are flushed then
void write_file(const std::filesystem::path& path, std::span<const std::string_view> pieces,
                const std::function<void()>& advanced = {});

/// The whole content of a regular file. \throws Error as RegularFile, or if it is longer than `limit` bytes
std::string read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);

/// A regular file that is read at its own places: a pipe might never answer, a device never end.
class RegularFile {
 public:
  /// \throws Error naming the path and the system's reason, or that it is no regular file
  explicit RegularFile(const std::filesystem::path& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  std::uint64_t bytes() const { return bytes_; }  ///< as it was opened
  /// Reads from byte `at` on until `to` is full or the file ends. \return bytes read \throws Error
  std::size_t read(std::uint64_t at, std::span<std::byte> to) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
};

/// For files that are written for days. \throws Error if nothing has the name `path` any more: what goes there is lost
void require_present(const std::filesystem::path& path);

/// The name under which `path` is written until it is whole: "<path>.part".
std::filesystem::path partial_path(const std::filesystem::path& path);

/// Flushes partial_path(path) to the disk and renames it to `path`. \throws Error
void commit_file(const std::filesystem::path& path);

/// Gives a file another name, in place of the file that has it. On a file system that cannot, it is copied, flushed and
/// removed, and a remark says so: an end of the process in between leaves both. \throws Error
void move_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// The content alone: rights and times are not every file system's. \throws Error; `to` is then not there
void copy_content(const std::filesystem::path& from, const std::filesystem::path& to);

/// The names in a folder are on the disk. On a file system that cannot flush, a remark says so once. \throws Error
void flush_folder(const std::filesystem::path& folder);

/// What any program has written to `path` until now is on the disk, not only in the system's memory. On a file system
/// that cannot flush, a remark says so once. \throws Error (a disk that fails or is full)
void flush_to_disk(const std::filesystem::path& path);

}  // namespace tersegrad
