// Memory that is about to be read or written, fetched while something else is computed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad::kernels {

// Always inlined: GCC 12 takes a function that only prefetches for one without any effect, and drops calls of it that it
// has not inlined early.

/// Fetches a long vector ahead of whoever takes it run after run, with several kernels for each: a few lines before
/// every kernel, as many as memory brings meanwhile. All at once they would keep the kernels waiting, for a processor
/// has room for little more than a dozen (16 on a Xeon of 2024, where quantisation took 1.3 times as long).
class Ahead {
 public:
  /// \param begin  the first coordinate that is not taken at once
  Ahead(std::span<const float> x, std::size_t begin) : x_(x), at_(begin) {}
  /// Asks for the next n coordinates, as far as the vector goes. \param n  a multiple of 16
  [[gnu::always_inline]] inline void fetch(std::size_t n) {
    constexpr std::size_t line = 16;
    for (const std::size_t end = std::min(at_ + n, x_.size()); at_ < end; at_ += line) {
      __builtin_prefetch(x_.data() + at_, 0, 2);
    }
  }

 private:
  std::span<const float> x_;
  std::size_t at_;
};

/// Asks for the cache lines that lie 8 KiB behind x[0, n), for a pass over a long vector that takes n coordinates at a
/// time: with some arithmetic between the loads a processor looks too few lines ahead to keep its memory busy
/// (packing signs: 0.65 of a plain read's bandwidth without on a Xeon of 2024, 0.89 with). Whatever lies there: nothing
/// is read.
template <class T>
[[gnu::always_inline]] inline void prefetch_ahead(const T* x, std::size_t n = 64) {
  constexpr std::uintptr_t distance = 8192, line = 64;
  const auto at = reinterpret_cast<std::uintptr_t>(x) + distance;
  for (std::uintptr_t byte = 0; byte < n * sizeof(T); byte += line) {
    __builtin_prefetch(reinterpret_cast<const void*>(at + byte), 0, 2);
  }
}

}  // namespace tersegrad::kernels
