// Random orders of many rows, in as little memory as they need and no longer than they are needed.
#pragma once

#include <cstdint>
#include <span>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad {

/// Rows of a data set, at most: row numbers are kept in 32 bits.
inline constexpr std::int64_t max_rows = (std::int64_t{1} << 32) - 1;

/// The numbers 0 … rows − 1, shuffled by `random` (core/random.hpp: shuffle). Their memory is the system's own and goes
/// back to it at once: a rank's allocator keeps what is freed, and an order of all rows is needed only to take parts of
/// it.
class ShuffledRows {
 public:
  /// \param rows at least 1 \throws Error for more than max_rows, or if there is not so much memory
  ShuffledRows(std::int64_t rows, Sequence random);
  ~ShuffledRows();
  ShuffledRows(const ShuffledRows&) = delete;
  ShuffledRows& operator=(const ShuffledRows&) = delete;

  std::span<const std::uint32_t> order() const { return order_; }

 private:
  std::span<std::uint32_t> order_;
};

}  // namespace tersegrad
