#include "tersegrad/core/hash.hpp"

#include <cstdio>
#include <cstring>

namespace tersegrad {

std::uint64_t fingerprint(std::span<const std::byte> bytes) {
  constexpr std::uint64_t prime = 1099511628211ull;
  std::uint64_t hash = 14695981039346656037ull;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * prime;
    hash ^= hash >> 29;  // FNV alone lets high bits of a word influence only high bits of the hash
  }
  for (; i < bytes.size(); ++i) hash = (hash ^ std::to_integer<std::uint64_t>(bytes[i])) * prime;
  return hash;
}

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace tersegrad
