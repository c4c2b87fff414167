// Blocks of coordinates that share a scale.
#pragma once

#include <algorithm>
#include <cstdint>

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
  /// Calls f(block within the bucket, begin, end) for the parts of blocks in [begin, end), relative to the bucket.
  template <class F>
  void for_each_part(const Bucket& bucket, std::int64_t begin, std::int64_t end, F&& f) const {
    if (begin >= end) return;
    std::int64_t block = at(bucket.begin + begin), stop = this->end(block) - bucket.begin;
    std::int64_t replica_end = ((bucket.begin + begin) / layout_.dim + 1) * layout_.dim - bucket.begin;
    for (block -= first(bucket); begin < end; ++block) {
      f(block, begin, std::min(stop, end));
      begin = stop;
      if (begin == replica_end) replica_end += layout_.dim;
      stop = std::min(begin + size_, replica_end);
    }
  }
  /// True if no bucket (they begin at multiples of 128) ever cuts a block.
  bool within_buckets() const { return layout_.replicas == 1 && 128 % size_ == 0; }

 private:
  Layout layout_;
  std::int64_t size_, per_replica_;
};

}  // namespace tersegrad
