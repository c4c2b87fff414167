// Streams of bytes from files that nobody has checked: what every reader of this folder reads from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

/// Bytes in order, and the name under which errors speak of them.
class ByteStream {
 public:
  /// \param name    what the bytes are called in errors: a path, or "the embedded table"
  /// \param advice  what the user can do about a bad file ("download it again with …"); may be empty
  ByteStream(std::string name, std::string advice) : name_(std::move(name)), advice_(std::move(advice)) {}
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  const std::string& name() const { return name_; }
  const std::string& advice() const { return advice_; }
  /// Whether what is handed out was compressed.
  virtual bool compressed() const { return false; }
  /// Bytes handed out so far.
  std::uint64_t position() const { return position_; }

  /// Fills `out`; fewer bytes only at the end. \throws Error if the system or the compressed data reports trouble
  std::size_t read(std::span<std::uint8_t> out);

  /// The next `count` bytes. Memory grows with what arrives, never with what was promised.
  /// \param what  the whole content the file should have ("60000 images of 28x28"), for the error
  /// \param total the bytes that content takes, from the start of the stream
  /// \throws Error if the stream ends before them
  std::vector<std::uint8_t> read_exactly(std::uint64_t count, std::uint64_t total, std::string_view what);

  /// Everything up to the end. \throws Error if that is more than `limit` bytes
  std::vector<std::uint8_t> read_all(std::uint64_t limit);

  /// \throws Error unless the stream ends here
  void expect_end(std::string_view what);

  /// Throws Error "'<name>' <parts…>; <advice>".
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw Error(concat("'", name_, "' ", parts..., advice_.empty() ? "" : "; ", advice_));
  }

 protected:
  /// What read_exactly is after: "expected 47040016 bytes for …"; empty before.
  const std::string& expected() const { return expected_; }

 private:
  /// At least one byte unless the stream is at its end; `out` is not empty.
  virtual std::size_t read_some(std::span<std::uint8_t> out) = 0;

  std::string name_;
  std::string advice_;
  std::string expected_;
  std::uint64_t position_ = 0;
};

/// The content of a file: inflated if it begins with the two gz magic bytes, whatever it is called, as it is otherwise.
/// \throws Error naming the path if it cannot be opened or is no regular file
std::unique_ptr<ByteStream> open_bytes(const std::filesystem::path& path, std::string advice);

/// Bytes in memory, inflated likewise. \param bytes must outlive the stream
std::unique_ptr<ByteStream> open_bytes(std::string name, std::string advice, std::span<const std::uint8_t> bytes);

/// Bytes of one file that a reader accepts at most, so that a false size cannot ask for all memory: 4 GiB.
inline constexpr std::uint64_t max_content_bytes = std::uint64_t{1} << 32;

}  // namespace tersegrad
