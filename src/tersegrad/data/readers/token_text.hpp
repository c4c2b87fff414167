// A text as token ids, in the width of its files and without a copy of those that are mapped.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tersegrad/data/readers/mapped_file.hpp"

namespace tersegrad {

/// Ids of 1, 2 or 4 bytes, little-endian: in memory, or part of a mapped file. Cheap to copy: copies share the ids.
class TokenPiece {
 public:
  /// \param ids  a whole number of ids of `width` bytes
  TokenPiece(std::vector<std::uint8_t> ids, std::size_t width);
  /// Everything behind the first `offset` bytes of the file. \param offset  the header's length
  TokenPiece(std::shared_ptr<const MappedFile> file, std::size_t offset, std::size_t width);

  std::int64_t size() const { return static_cast<std::int64_t>(bytes_.size() / width_); }
  std::size_t width() const { return width_; }  ///< bytes of an id
  bool mapped() const { return file_ != nullptr; }
  /// Ids [begin, begin + out.size()) as numbers of another type: float, std::int64_t or std::uint32_t.
  /// Of a mapped file nothing stays in this process's memory.
  /// \throws Error naming the file if it was cut short meanwhile, or cannot be read any more
  template <class T>
  void copy(std::int64_t begin, std::span<T> out) const;

 private:
  std::shared_ptr<const std::vector<std::uint8_t>> memory_;  // or
  std::shared_ptr<const MappedFile> file_;
  std::span<const std::uint8_t> bytes_;  // of one of them
  std::size_t width_;
};

/// Pieces one after the other. Safe to read from several threads.
class TokenText {
 public:
  TokenText() = default;
  TokenText(std::vector<TokenPiece> pieces);         // NOLINT: a text is its pieces
  TokenText(const std::vector<std::uint32_t>& ids);  // NOLINT: or its ids

  std::int64_t size() const { return ends_.empty() ? 0 : ends_.back(); }
  /// As TokenPiece::copy, across pieces.
  template <class T>
  void copy(std::int64_t begin, std::span<T> out) const;

 private:
  std::vector<TokenPiece> pieces_;
  std::vector<std::int64_t> ends_;  // [piece]: ids up to its end
};

}  // namespace tersegrad
