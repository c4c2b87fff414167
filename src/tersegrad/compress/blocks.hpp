// Blocks of coordinates that share a scale, and the sums that make scales.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "tersegrad/core/layout.hpp"

namespace tersegrad {

/// Cuts every replica into blocks of `size` coordinates from its beginning (the last may be shorter); size 0: a block
/// is a replica. Blocks have nothing to do with buckets: a bucket may cut one.
class Blocks {
 public:
  Blocks(const Layout& layout, std::int64_t size)
      : layout_(layout),
        size_(size > 0 ? std::min(size, layout.dim) : layout.dim),
        per_replica_((layout.dim + size_ - 1) / size_) {}

  std::int64_t size() const { return size_; }  ///< of a full block
  std::int64_t total() const { return per_replica_ * layout_.replicas; }
  /// The block that a coordinate of the whole vector lies in.
  std::int64_t at(std::int64_t coordinate) const {
    return coordinate / layout_.dim * per_replica_ + coordinate % layout_.dim / size_;
  }
  std::int64_t first(const Bucket& bucket) const { return at(bucket.begin); }
  /// How many blocks a bucket touches.
  std::int64_t count(const Bucket& bucket) const {
    return bucket.size() == 0 ? 0 : at(bucket.end - 1) - first(bucket) + 1;
  }
  /// First coordinate of a block; one past its last.
  std::int64_t begin(std::int64_t block) const {
    return block / per_replica_ * layout_.dim + block % per_replica_ * size_;
  }
  std::int64_t end(std::int64_t block) const {
    return std::min(begin(block) + size_, (block / per_replica_ + 1) * layout_.dim);
  }
  /// True if no bucket (they begin at multiples of 128) ever cuts a block.
  bool within_buckets() const { return layout_.replicas == 1 && 128 % size_ == 0; }

 private:
  Layout layout_;
  std::int64_t size_, per_replica_;
};

/// Sums in double over 16 lanes, lane l adding every 16th coordinate in order, the lanes added up in order: the same
/// bits on every machine, and a loop that vectorises. A non-finite coordinate makes them non-finite.
double sum_of_magnitudes(std::span<const float> x);
double sum_of_squares(std::span<const float> x);

/// max |x_j|; NaN if a coordinate is not finite. 0 for no coordinates.
float largest_magnitude(std::span<const float> x);

}  // namespace tersegrad
