// How much memory this process has needed.
#pragma once

#include <cstdint>

namespace tersegrad {

/// The most physical memory that this process has held at once, bytes; 0 where the system does not say.
std::int64_t peak_memory_bytes();

}  // namespace tersegrad
