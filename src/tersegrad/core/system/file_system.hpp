// What a file system says and offers. A question that it cannot answer is an error: what cannot be looked at is not
// absent. An operation that it does not have is none: a remark.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tersegrad {

/// Whether anything has the name `path`; a link to nothing counts.
/// \throws Error naming the path and the system's reason where nobody can know (no rights, a stale handle, a disk that
/// fails)
bool is_there(const std::filesystem::path& path);

/// Whether `path` is a folder, or a link to one. \throws Error as is_there(), and for a link to nothing: what it leads
/// to may be out of reach for now (a disk that is not mounted)
bool is_folder(const std::filesystem::path& path);

/// The names in a folder, sorted. \throws Error naming the folder and the system's reason, also where only a part of
/// them could be read
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// Whether an errno says that a file system (FUSE, SMB, mounted buckets) or a sandbox does not have an operation. A disk
/// that fails or is full (EIO, ENOSPC, EDQUOT) has it.
bool not_offered(int reason);

/// One line on standard error, once in the life of the process for each `subject`. From any thread.
void remark_once(const std::string& subject, const std::string& text);

/// remark_once(): the file system of `path` refuses `operation` with the errno `reason`, and `consequence`.
void remark_not_offered(const std::string& operation, const std::filesystem::path& path, int reason,
                        const std::string& consequence);

}  // namespace tersegrad
