// The random bits of stochastic rounding: 16 a coordinate, and 32 more for the few that 16 leave undecided.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tersegrad/compress/kernels/quantized/uniform_words.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad::kernels {

/// Uniform numbers of coordinates, addressed by coordinate: of a 48-bit number u_c only the leading 16 bits are drawn
/// beforehand. u_c < p is known from them unless they are p's own, which happens once in 65536 (or somewhat more often,
/// where a kernel looks at fewer or rounds p): drawing 16 bits for all and 32 for those is twice as fast as 32 for all,
/// and more exact.
class Coins {
 public:
  static constexpr std::size_t most = 1024;  ///< coordinates at a time

  explicit Coins(const StreamId& id) : stream_(id) {}

  /// Leading bits of the coordinates [first, first + n), first < 2^48. \param n ≤ most
  void draw(std::uint64_t first, std::size_t n) {
    assert(n <= most);
    first_ = first;
    // Number c mod 8 of block c / 8 is coordinate c's.
    count_ = n;
    fill_halfwords(stream_, first / 8, std::span(numbers_).first(first % 8 + n));
  }
  /// Bits 47 to 32 of the numbers drawn. Writable: a test may choose them.
  std::span<std::uint16_t> leading() { return std::span(numbers_).subspan(first_ % 8, count_); }
  std::span<const std::uint16_t> leading() const { return std::span(numbers_).subspan(first_ % 8, count_); }
  /// Bits 31 to 0 of number j of those drawn.
  std::uint32_t trailing(std::size_t j) const {
    const std::uint64_t coordinate = first_ + j;
    return stream_.block(trailing_blocks + coordinate / 4)[coordinate % 4];
  }

 private:
  static constexpr std::uint64_t trailing_blocks = std::uint64_t{1} << 47;  // beyond every block of leading bits

  Stream stream_;
  std::uint64_t first_ = 0;
  std::size_t count_ = 0;
  std::array<std::uint16_t, most + 7> numbers_;
};

}  // namespace tersegrad::kernels
