// Vectors with few coordinates, as lists.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tersegrad/compress/wire/message.hpp"

namespace tersegrad {

class Aggregator;
class Encoder;

/// A vector that is zero but for a few coordinates of a bucket.
struct SparseValues {
  std::span<const std::uint32_t> indices;  ///< ascending, of the whole vector
  std::span<const float> values;           ///< one for each
};

class SparseEncoder {
 public:
  virtual ~SparseEncoder() = default;
  /// Encoder::decode_own() as a list; nothing where this message is none. \returns spans valid until the next call
  virtual std::optional<SparseValues> decode_own_sparse(const Bucket& bucket, const Message& message) = 0;
};

class SparseView {
 public:
  virtual ~SparseView() = default;
  /// Aggregator::decode() of a mean with few coordinates; nothing where it is not one, and then nothing happened: decode() is
  /// to be called. \returns spans valid until the next call \throws Error as decode does
  virtual std::optional<SparseValues> decode_sparse(const Bucket& bucket, const MessageView& aggregate) = 0;
};

/// The encoder's or aggregator's list, nothing where it has none.
std::optional<SparseValues> decode_own_sparse(Encoder& encoder, const Bucket& bucket, const Message& message);
std::optional<SparseValues> decode_sparse(Aggregator& aggregator, const Bucket& bucket, const MessageView& aggregate);

}  // namespace tersegrad
