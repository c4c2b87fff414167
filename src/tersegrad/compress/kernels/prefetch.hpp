// Memory that is about to be read or written, fetched while something else is computed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

namespace tersegrad::kernels {

/// Asks for the cache lines of x[begin, begin + n), as far as x goes. Worth it where arithmetic on one run of
/// coordinates alternates with memory: the processor's own prefetchers stop at every page of 4096 bytes.
template <class T>
void prefetch(std::span<T> x, std::size_t begin, std::size_t n) {
  constexpr std::size_t line = 64 / sizeof(T);
  const std::size_t end = std::min(x.size(), begin + n);
  for (std::size_t j = begin; j < end; j += line) __builtin_prefetch(x.data() + j, !std::is_const_v<T>);
}

}  // namespace tersegrad::kernels
