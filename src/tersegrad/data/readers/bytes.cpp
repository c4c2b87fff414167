#include "tersegrad/data/readers/bytes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tersegrad/core/progress.hpp"

namespace tersegrad {
namespace {

class FileBytes final : public ByteStream {
 public:
  FileBytes(const std::filesystem::path& path, std::string advice) : ByteStream(path.string(), std::move(advice)) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) fail("cannot be opened: ", std::strerror(errno));
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      fail("is not a regular file");
    }
  }
  ~FileBytes() override { ::close(descriptor_); }

 private:
  std::size_t read_some(std::span<std::uint8_t> out) override {
    for (;;) {
      tell_progress();
      const ssize_t got = ::read(descriptor_, out.data(), std::min<std::size_t>(out.size(), 1u << 20));
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail("cannot be read at byte ", position(), ": ", std::strerror(errno));
    }
  }

  int descriptor_ = -1;
};

class MemoryBytes final : public ByteStream {
 public:
  MemoryBytes(std::string name, std::string advice, std::span<const std::uint8_t> bytes)
      : ByteStream(std::move(name), std::move(advice)), rest_(bytes) {}

 private:
  std::size_t read_some(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), count, out.begin());
    rest_ = rest_.subspan(count);
    return count;
  }

  std::span<const std::uint8_t> rest_;
};

/// Passes plain bytes through and inflates gz (RFC 1952, any number of members one behind the other).
class MaybeGzip final : public ByteStream {
 public:
  explicit MaybeGzip(std::unique_ptr<ByteStream> source)
      : ByteStream(source->name(), source->advice()), source_(std::move(source)), chunk_(1 << 16) {
    refill();
    compressed_ = at_member();
    if (!compressed_) return;
    // 15 window bits, +16: gz with its header, CRC-32 and length, all checked by zlib.
    if (::inflateInit2(&zlib_, 15 + 16) != Z_OK) fail("cannot be inflated: zlib has no memory");
    initialised_ = true;
  }
  ~MaybeGzip() override {
    if (initialised_) ::inflateEnd(&zlib_);
  }
  bool compressed() const override { return compressed_; }

 private:
  std::size_t read_some(std::span<std::uint8_t> out) override {
    return compressed_ ? inflate_some(out) : copy_some(out);
  }

  std::size_t copy_some(std::span<std::uint8_t> out) {
    if (begin_ == end_ && out.size() >= chunk_.size()) return source_->read(out);
    if (begin_ == end_) refill();
    const std::size_t count = std::min(out.size(), end_ - begin_);
    std::copy_n(chunk_.begin() + static_cast<std::ptrdiff_t>(begin_), count, out.begin());
    begin_ += count;
    return count;
  }

  std::size_t inflate_some(std::span<std::uint8_t> out) {
    const auto wanted = static_cast<uInt>(std::min<std::size_t>(out.size(), 1u << 30));
    zlib_.next_out = out.data();
    zlib_.avail_out = wanted;
    while (!finished_ && zlib_.avail_out == wanted) {
      if (begin_ == end_) refill();
      if (begin_ == end_) {
        fail("ends at byte ", source_->position(), " in the middle of its gz data (", position(),
             " bytes of content so far", expected().empty() ? "" : ", ", expected(), ")");
      }
      zlib_.next_in = chunk_.data() + begin_;
      zlib_.avail_in = static_cast<uInt>(end_ - begin_);
      const int result = ::inflate(&zlib_, Z_NO_FLUSH);
      begin_ = end_ - zlib_.avail_in;
      if (result == Z_STREAM_END) {
        next_member();
      } else if (result == Z_MEM_ERROR) {
        fail("cannot be inflated: zlib has no memory");
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        fail("is corrupt: its gz data breaks at byte ", compressed_position(), " (",
             zlib_.msg ? zlib_.msg : "damaged data", ")");
      }
    }
    return wanted - zlib_.avail_out;
  }

  void next_member() {
    if (begin_ == end_) refill();
    if (begin_ == end_) {
      finished_ = true;
      return;
    }
    if (end_ - begin_ == 1) refill();
    if (!at_member()) fail("is corrupt: bytes that are no gz data follow at byte ", compressed_position());
    ::inflateReset(&zlib_);
  }

  /// Appends what the source has next behind the bytes not yet used.
  void refill() {
    std::copy(chunk_.begin() + static_cast<std::ptrdiff_t>(begin_), chunk_.begin() + static_cast<std::ptrdiff_t>(end_),
              chunk_.begin());
    end_ -= begin_;
    begin_ = 0;
    end_ += source_->read(std::span(chunk_).subspan(end_));
  }

  bool at_member() const { return end_ - begin_ >= 2 && chunk_[begin_] == 0x1f && chunk_[begin_ + 1] == 0x8b; }
  std::uint64_t compressed_position() const { return source_->position() - (end_ - begin_); }

  std::unique_ptr<ByteStream> source_;
  std::vector<std::uint8_t> chunk_;
  std::size_t begin_ = 0;  // the bytes of chunk_ not yet used: [begin_, end_)
  std::size_t end_ = 0;
  z_stream zlib_{};
  bool compressed_ = false;
  bool initialised_ = false;
  bool finished_ = false;
};

}  // namespace

std::size_t ByteStream::read(std::span<std::uint8_t> out) {
  std::size_t total = 0;
  while (total < out.size()) {
    const std::size_t got = read_some(out.subspan(total));
    if (got == 0) break;
    total += got;
    position_ += got;
  }
  return total;
}

std::vector<std::uint8_t> ByteStream::read_exactly(std::uint64_t count, std::uint64_t total, std::string_view what) {
  expected_ = concat("expected ", total, " bytes for ", what);
  std::vector<std::uint8_t> bytes;
  while (bytes.size() < count) {
    const std::size_t begin = bytes.size();
    // Doubling: memory stays within a small multiple of what has arrived.
    const std::uint64_t step = std::max<std::uint64_t>(begin, 1u << 20);
    bytes.resize(begin + static_cast<std::size_t>(std::min(step, count - begin)));
    const std::size_t got = read(std::span(bytes).subspan(begin));
    if (begin + got < bytes.size()) fail("ends at byte ", position(), " (", expected_, ")");
  }
  return bytes;
}

std::vector<std::uint8_t> ByteStream::read_all(std::uint64_t limit) {
  std::vector<std::uint8_t> bytes;
  for (;;) {
    const std::size_t begin = bytes.size();
    bytes.resize(begin + std::max<std::size_t>(begin, 1u << 16));
    const std::size_t got = read(std::span(bytes).subspan(begin));
    if (begin + got > limit) fail("is larger than ", limit, " bytes (more than this reader accepts)");
    if (begin + got < bytes.size()) {
      bytes.resize(begin + got);
      return bytes;
    }
  }
}

void ByteStream::expect_end(std::string_view what) {
  const std::uint64_t end = position();
  std::uint8_t byte = 0;
  if (read({&byte, 1}) != 0) fail("goes on after byte ", end, " (expected its end there, after ", what, ")");
}

std::unique_ptr<ByteStream> open_bytes(const std::filesystem::path& path, std::string advice) {
  return std::make_unique<MaybeGzip>(std::make_unique<FileBytes>(path, std::move(advice)));
}

std::unique_ptr<ByteStream> open_bytes(std::string name, std::string advice, std::span<const std::uint8_t> bytes) {
  return std::make_unique<MaybeGzip>(std::make_unique<MemoryBytes>(std::move(name), std::move(advice), bytes));
}

}  // namespace tersegrad
