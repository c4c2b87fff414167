// The update without a mean in between: spares a pass over memory.
#pragma once

#include <span>

#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

class Aggregator;

class FusedUpdate {
 public:
  virtual ~FusedUpdate() = default;
  /// x ← x − step·mean instead of Aggregator::decode(): the bits of decode() followed by x_j ← fl(x_j − fl(step·mean_j)), but
  /// those of a NaN: then all ranks must go the same way.
  /// \param step finite \param x bucket.size() coordinates
  /// \returns false, with nothing done, where decode() is to be called
  /// \throws Error as decode does; then a part of x may have changed
  virtual bool decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) = 0;
};

class DenseView {
 public:
  virtual ~DenseView() = default;
  /// The mean itself where it lies somewhere as plain, aligned floats: in the payload, or in what the aggregator remembers.
  /// Instead of Aggregator::decode(), and as that once a bucket and step; empty, and then nothing happened, where it must be
  /// decoded. \param aggregate header.nonfinite is the largest of the step's buckets
  /// \returns a span valid until the next call \throws Error as decode does
  virtual std::span<const float> dense_view(const Bucket& bucket, const MessageView& aggregate) = 0;
};

/// x ← x − step·mean by whatever the aggregator has for it: its FusedUpdate, or its SparseView, whose other coordinates stay
/// as they are. \returns false, with nothing done, where it has neither for this aggregate \throws Error as decode does
bool decode_axpy(Aggregator& aggregator, const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x);

/// The aggregator's DenseView of the mean, empty where it has none.
std::span<const float> dense_view(Aggregator& aggregator, const Bucket& bucket, const MessageView& aggregate);

}  // namespace tersegrad
