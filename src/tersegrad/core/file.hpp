// Files are written whole or not at all.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace tersegrad {

/// Writes `content` to `path`: to "<path>.part" first, flushed to the disk, then renamed over `path`.
/// \throws Error naming the path and the system's reason (disk full, not writable); the old file is then untouched.
void write_file(const std::filesystem::path& path, std::string_view content);
/// The same of several pieces, one behind the other.
void write_file(const std::filesystem::path& path, std::span<const std::string_view> pieces);

/// The whole file. \throws Error naming the path and the system's reason.
std::string read_file(const std::filesystem::path& path);

/// The name under which `path` is written until it is whole: "<path>.part".
std::filesystem::path partial_path(const std::filesystem::path& path);

/// Flushes partial_path(path) to the disk and renames it to `path`. \throws Error
void commit_file(const std::filesystem::path& path);

/// What any program has written to `path` until now is on the disk, not only in the system's memory. \throws Error
void flush_to_disk(const std::filesystem::path& path);

}  // namespace tersegrad
