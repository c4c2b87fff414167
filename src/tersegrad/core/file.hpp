// Files are written whole or not at all.
#pragma once

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

/// The whole content of a regular file: a pipe might never answer, a device never end.
/// \throws Error naming the path and the system's reason, or that it is no regular file or longer than `limit` bytes
std::string read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);

/// For files that are written for days. \throws Error if nothing has the name `path` any more: what goes there is lost
void require_present(const std::filesystem::path& path);

/// The name under which `path` is written until it is whole: "<path>.part".
std::filesystem::path partial_path(const std::filesystem::path& path);

/// Flushes partial_path(path) to the disk and renames it to `path`. \throws Error
void commit_file(const std::filesystem::path& path);

/// The names in a folder are on the disk. Some file systems cannot do that: no error.
void flush_folder(const std::filesystem::path& folder);

/// What any program has written to `path` until now is on the disk, not only in the system's memory. \throws Error
void flush_to_disk(const std::filesystem::path& path);

}  // namespace tersegrad
