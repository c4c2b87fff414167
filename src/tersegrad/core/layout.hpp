// Small value types that say which coordinates are meant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tersegrad {

/// The shape of the parameter vector: `replicas` independent problems of `dim` coordinates each, one
/// behind the other. Networks have one replica; landscapes run thousands at once (per-replica compression
/// where the compressor is not coordinatewise).
struct Layout {
  std::int64_t dim = 0;       ///< coordinates of one replica, ≥ 1
  std::int64_t replicas = 1;  ///< ≥ 1
  std::int64_t total() const { return dim * replicas; }
};

/// A run of coordinates [begin, end) of the whole vector that travels as one message.
struct Bucket {
  std::uint32_t index = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
};

/// A bucket's part of a whole vector: coordinates [bucket.begin, bucket.end).
template <class T>
std::span<T> part_of(std::span<T> whole, const Bucket& bucket) {
  return whole.subspan(static_cast<std::size_t>(bucket.begin), static_cast<std::size_t>(bucket.size()));
}

}  // namespace tersegrad
