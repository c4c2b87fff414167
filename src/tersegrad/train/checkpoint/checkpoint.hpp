// The file of a checkpoint: named sections of bytes, checksummed one by one and as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {

/// Bytes under a name of 1 to 47 printable ASCII characters.
struct CheckpointSection {
  std::string name;
  std::span<const std::byte> bytes;
};

/// A checkpoint whose sections lie elsewhere.
struct CheckpointView {
  std::uint64_t step = 0;  ///< steps done, ≥ 1
  std::vector<CheckpointSection> sections;

  /// \throws Error if there is no such section
  std::span<const std::byte> section(const std::string& name) const;
};

/// Little-endian: a header of 40 bytes (magic, version, number of sections, step, length of the file, checksum of
/// header and table), a table of 64 bytes a section (name, length, checksum), then the sections, each filled up with
/// zeros to a multiple of 64 bytes. Checksums are core/hash.hpp's fingerprint, which no change within one 8-byte word
/// escapes.
inline constexpr std::uint32_t checkpoint_version = 1;

/// A file that was read, and is not what was written: nothing can be done with it. (One that cannot be read, or is of
/// another version, may be sound: any other Error.)
class DamagedCheckpoint : public Error {
 public:
  using Error::Error;
};

/// Checks everything before anything is believed; copies nothing.
/// \param subject what is parsed, for messages: "'runs/a/checkpoints/checkpoint-500'"
/// \throws DamagedCheckpoint "<subject> is damaged (…)" for anything that write_checkpoint does not write
/// \throws Error for a sound one of another version
CheckpointView parse_checkpoint(std::span<const std::byte> bytes, const std::string& subject);

/// Whole or not at all, and flushed to the disk. \throws Error naming the path and the system's reason
/// \param advanced see write_file
void write_checkpoint(const std::filesystem::path& path, const CheckpointView& checkpoint,
                      const std::function<void()>& advanced = {});

/// A checkpoint read back: the bytes, and the view of them.
struct CheckpointFile {
  Buffer<std::byte> bytes;
  CheckpointView view;
};
/// \throws DamagedCheckpoint as parse_checkpoint  \throws Error naming the path and why it cannot be read
CheckpointFile read_checkpoint(const std::filesystem::path& path);

}  // namespace tersegrad
