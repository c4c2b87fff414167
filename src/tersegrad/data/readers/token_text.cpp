#include "tersegrad/data/readers/token_text.hpp"

#include <algorithm>
#include <cassert>

namespace tersegrad {
namespace {

template <std::size_t width, class T>
void widen(const std::uint8_t* from, std::span<T> out) {
  for (T& value : out) {
    std::uint32_t id = 0;
    for (std::size_t i = 0; i < width; ++i) id |= static_cast<std::uint32_t>(from[i]) << (8 * i);
    value = static_cast<T>(id);
    from += width;
  }
}

template <class T>
void widen(std::size_t width, const std::uint8_t* from, std::span<T> out) {
  if (width == 1) return widen<1>(from, out);
  if (width == 2) return widen<2>(from, out);
  widen<4>(from, out);
}

std::vector<std::uint8_t> little_endian(const std::vector<std::uint32_t>& ids) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(4 * ids.size());
  for (const std::uint32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::uint8_t>(id >> shift));
  }
  return bytes;
}

}  // namespace

TokenPiece::TokenPiece(std::vector<std::uint8_t> ids, std::size_t width)
    : memory_(std::make_shared<const std::vector<std::uint8_t>>(std::move(ids))), bytes_(*memory_), width_(width) {
  assert((width == 1 || width == 2 || width == 4) && bytes_.size() % width == 0);
}

TokenPiece::TokenPiece(std::shared_ptr<const MappedFile> file, std::size_t offset, std::size_t width)
    : file_(std::move(file)), bytes_(file_->bytes().subspan(offset)), width_(width) {
  assert((width == 1 || width == 2 || width == 4) && bytes_.size() % width == 0);
}

template <class T>
void TokenPiece::copy(std::int64_t begin, std::span<T> out) const {
  assert(begin >= 0 && begin + static_cast<std::int64_t>(out.size()) <= size());
  const std::uint8_t* const from = bytes_.data() + static_cast<std::size_t>(begin) * width_;
  if (file_ == nullptr) return widen(width_, from, out);
  const auto at = static_cast<std::uint64_t>(from - file_->bytes().data());
  if (!read_mapped([&] { widen(width_, from, out); })) file_->fail_reading(at);
  file_->release(at, out.size() * width_);
}

TokenText::TokenText(std::vector<TokenPiece> pieces) : pieces_(std::move(pieces)) {
  std::int64_t end = 0;
  for (const auto& piece : pieces_) ends_.push_back(end += piece.size());
}

TokenText::TokenText(const std::vector<std::uint32_t>& ids)
    : TokenText(std::vector<TokenPiece>{TokenPiece(little_endian(ids), 4)}) {}

template <class T>
void TokenText::copy(std::int64_t begin, std::span<T> out) const {
  assert(begin >= 0 && begin + static_cast<std::int64_t>(out.size()) <= size());
  auto piece = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), begin) - ends_.begin());
  while (!out.empty()) {
    const auto count =
        static_cast<std::size_t>(std::min<std::int64_t>(ends_[piece] - begin, static_cast<std::int64_t>(out.size())));
    const TokenPiece& from = pieces_[piece];
    from.copy(begin - (ends_[piece] - from.size()), out.first(count));
    begin += static_cast<std::int64_t>(count);
    out = out.subspan(count);
    ++piece;
  }
}

template void TokenPiece::copy(std::int64_t, std::span<float>) const;
template void TokenPiece::copy(std::int64_t, std::span<std::int64_t>) const;
template void TokenPiece::copy(std::int64_t, std::span<std::uint32_t>) const;
template void TokenText::copy(std::int64_t, std::span<float>) const;
template void TokenText::copy(std::int64_t, std::span<std::int64_t>) const;
template void TokenText::copy(std::int64_t, std::span<std::uint32_t>) const;

}  // namespace tersegrad
