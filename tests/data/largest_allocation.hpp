// How large the largest single allocation through operator new was: a false size in a file must not ask for memory.
#pragma once

#include <cstddef>

namespace tersegrad {

/// Bytes of the largest allocation since the last reset. Counts the whole program (largest_allocation.cpp).
std::size_t largest_allocation();
void reset_largest_allocation();

}  // namespace tersegrad
