// Files as memory: read where they are touched, and held once for all processes of a machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>

namespace tersegrad {

/// A regular file's bytes, mapped read-only. The pages are the system's own copy of the file: ranks of one node share
/// them, and the system drops them where memory is short. Removing the file does no harm; cutting it short does: its
/// bytes are read through read_mapped, which tells.
class MappedFile {
 public:
  /// \throws Error naming the path if it cannot be opened or mapped, or is no regular file
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& name() const { return name_; }
  std::span<const std::uint8_t> bytes() const { return bytes_; }

  /// This process lets go of the pages that reading the bytes [at, at + length) has brought; they are mapped again
  /// where it reads them next. Until then they count as its memory, and a large file that is read bit by bit as a
  /// whole.
  void release(std::uint64_t at, std::uint64_t length) const;

  /// After a read_mapped that failed. \param at  the byte that was to be read first
  [[noreturn]] void fail_reading(std::uint64_t at) const;

 private:
  std::string name_;
  std::span<const std::uint8_t> bytes_;
  int descriptor_ = -1;  // to say afterwards what has become of the file
};

/// Calls read(what), which reads mapped bytes and does nothing that must be undone.
/// \return false if the system could not provide them: the file was cut short meanwhile, or its disk or server fails
bool read_mapped(void (*read)(void*), void* what);

/// The same for a callable without arguments.
template <class Read>
bool read_mapped(Read&& read) {
  return read_mapped([](void* what) { (*static_cast<std::remove_reference_t<Read>*>(what))(); }, &read);
}

}  // namespace tersegrad
