#include "tersegrad/compress/compressor.hpp"

#include <bit>

namespace tersegrad {

bool Encoder::encode_residual(const Bucket& bucket, std::span<float> values, float scale, Message& message) {
  encode(bucket, values, message);
  decoded_.resize(values.size());
  decode_own(bucket, message, decoded_);
  std::uint32_t largest = 0;  // exponent bits of all ones: inf or NaN
  for (std::size_t j = 0; j < values.size(); ++j) {
    values[j] -= scale * decoded_[j];
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[j]) & 0x7fffffffu);
  }
  return largest < 0x7f800000u;
}

bool Aggregator::descend(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) {
  const auto sparse = decode_sparse(bucket, aggregate);
  if (!sparse) return false;
  for (std::size_t i = 0; i < sparse->indices.size(); ++i) {
    x[static_cast<std::size_t>(sparse->indices[i] - bucket.begin)] -= step * sparse->values[i];
  }
  return true;
}

double Compressor::feedback_scale() const {
  const Traits declared = traits();
  switch (declared.kind) {
    case Traits::Kind::unbiased:
      return 1 / (1 + declared.constant);
    case Traits::Kind::contractive:
      return 1;
    case Traits::Kind::biased:
      break;
  }
  return 0;
}

}  // namespace tersegrad
