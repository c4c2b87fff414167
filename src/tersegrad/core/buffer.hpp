// A contiguous buffer aligned for vector loads.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace tersegrad {

/// Standard allocator whose blocks start on a 64-byte boundary (a cache line, an AVX-512 register).
template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT: allocators convert implicitly
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, alignment); }
  template <class U>
  bool operator==(const AlignedAllocator<U>&) const { return true; }
};

/// std::vector on 64-byte boundaries.
template <class T>
using Buffer = std::vector<T, AlignedAllocator<T>>;

}  // namespace tersegrad
