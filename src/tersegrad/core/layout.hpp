// Small value types that say which coordinates are meant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tersegrad {

/// The shape of the parameter vector: `replicas` independent problems of `dim` coordinates each, concatenated. Networks have
/// one replica; landscapes run thousands at once (per-replica compression where the compressor is not coordinatewise).
struct Layout {
  std::int64_t dim = 0;       ///< coordinates of one replica, ≥ 1
  std::int64_t replicas = 1;  ///< ≥ 1
  std::int64_t total() const { return dim * replicas; }
};

/// One tensor of a model's parameters: coordinates [begin, begin + size()) of the vector, in row-major order.
struct ParameterTensor {
  std::string name;                 ///< e.g. "first.weight"
  std::vector<std::int64_t> shape;  ///< empty: a single number
  std::int64_t begin = 0;
  std::int64_t size() const {
    std::int64_t all = 1;
    for (const std::int64_t length : shape) all *= length;
    return all;
  }
};

/// A layout and what its coordinates are.
struct ParameterLayout : Layout {
  ParameterLayout() = default;
  ParameterLayout(std::int64_t of_one, std::int64_t copies) : Layout{of_one, copies} {}
  ParameterLayout(const Layout& layout) : Layout(layout) {}
  ParameterLayout(const Layout& layout, std::vector<ParameterTensor> of_replica) : Layout(layout), tensors(std::move(of_replica)) {}

  /// Of a replica, ascending and without gaps; empty where nobody knows of tensors (landscapes): one vector then.
  std::vector<ParameterTensor> tensors;
};

/// A run of coordinates [begin, end) that travels as one message.
struct Bucket {
  std::uint32_t index = 0;  ///< unique within a step
  std::int64_t begin = 0;
  std::int64_t end = 0;
  // Where a compressor sends vectors of its own (compress/capabilities/rounds.hpp): coordinates are those of this round's
  // vector, and its bytes count for this part of it.
  int round = 0;
  std::uint32_t part = 0;
  std::int64_t size() const { return end - begin; }
};

/// A bucket's part of a whole vector: coordinates [bucket.begin, bucket.end).
template <class T>
std::span<T> part_of(std::span<T> whole, const Bucket& bucket) {
  return whole.subspan(static_cast<std::size_t>(bucket.begin), static_cast<std::size_t>(bucket.size()));
}

}  // namespace tersegrad
