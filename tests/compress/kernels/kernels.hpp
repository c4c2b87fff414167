// What the kernels' tests share: every instruction set of this machine, awkward numbers, awkward addresses.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad::kernels::testing {

/// Runs `body` once for each instruction set this machine has, with run-time dispatch fixed to it.
template <class Body>
void on_every_target(Body&& body) {
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

/// `size` elements that start `offset` elements behind an aligned address, between guards that must survive.
template <class T>
class Guarded {
 public:
  Guarded(std::size_t size, std::size_t offset)
      : bytes_((size + offset) * sizeof(T) + 3 * guard, canary),
        begin_(2 * guard - reinterpret_cast<std::uintptr_t>(bytes_.data()) % guard + offset * sizeof(T)),
        size_(size) {}
  Guarded(std::span<const T> values, std::size_t offset) : Guarded(values.size(), offset) {
    if (!values.empty()) std::memcpy(span().data(), values.data(), values.size_bytes());
  }
  std::span<T> span() { return {reinterpret_cast<T*>(bytes_.data() + begin_), size_}; }
  bool guards_survive() const {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      if ((i < begin_ || i >= begin_ + size_ * sizeof(T)) && bytes_[i] != canary) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t guard = 64;  // bytes, and the alignment
  static constexpr std::byte canary{0xa5};
  std::vector<std::byte> bytes_;
  std::size_t begin_, size_;
};

inline float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

/// ±0, ±inf, NaN of several payloads, denormals, the largest and the smallest normal numbers.
inline std::vector<float> special_values() {
  std::vector<float> values;
  for (const std::uint32_t bits : {0u, 1u, 2u, 0x7fffffu, 0x800000u, 0x800001u, 0x3f800000u, 0x7f7fffffu, 0x7f800000u,
                                   0x7f800001u, 0x7fc00000u, 0x7fffffffu}) {
    values.push_back(from_bits(bits));
    values.push_back(from_bits(bits | 0x80000000u));
  }
  return values;
}

/// Ordinary numbers of both signs mixed with special ones. \param special  one in how many, 0: none
inline std::vector<float> mixed_values(std::size_t n, std::uint64_t seed, unsigned special) {
  Sequence random({.seed = seed});
  const auto specials = special_values();
  std::vector<float> values(n);
  for (auto& v : values) {
    v = static_cast<float>(random.uniform() - 0.5);
    if (special != 0 && random.below(special) == 0) v = specials[random.below(specials.size())];
  }
  return values;
}

/// Lengths around every boundary a vector loop can have, and a few longer ones.
inline std::vector<std::size_t> awkward_sizes() {
  std::vector<std::size_t> sizes;
  for (std::size_t n = 0; n <= 140; ++n) sizes.push_back(n);
  for (const std::size_t n : {191u, 192u, 193u, 255u, 256u, 257u, 511u, 513u, 1000u}) sizes.push_back(n);
  for (const std::size_t n : {4095u, 4096u, 4097u, 4160u, 10007u}) sizes.push_back(n);
  return sizes;
}

/// Equal bit by bit, except that one NaN is as good as another.
inline ::testing::AssertionResult same_floats(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " values against " << b.size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) {
      return ::testing::AssertionFailure() << "at " << i << " of " << a.size() << ": " << a[i] << " against " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

template <class T>
::testing::AssertionResult same_bytes(std::span<const T> a, std::span<const T> b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " elements against " << b.size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0) {
      return ::testing::AssertionFailure() << "element " << i << " of " << a.size() << " differs";
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace tersegrad::kernels::testing
