#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

bool Encoder::subtract_own(const Bucket& bucket, std::span<float> values, float scale, const Message& message) {
  decoded_.resize(values.size());
  decode_own(bucket, message, decoded_);
  return kernels::axpby({decoded_, values, -scale, 1}, values) == 0;
}

void Encoder::begin_step_axpby(std::uint64_t step, const kernels::Axpby& whole, std::span<float> p, bool /*wanted*/) {
  kernels::axpby(whole, p);
  begin_step(step, p);
}

void Encoder::encode_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message) {
  kernels::axpby(part, p);
  encode(bucket, p, message);
}

bool Aggregator::decode_axpy(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) {
  const auto sparse = decode_sparse(bucket, aggregate);
  if (!sparse) return false;
  // Coordinates far apart, each a line of memory: they are asked for well before their turn.
  constexpr std::size_t ahead = 64;
  const auto indices = sparse->indices;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i + ahead < indices.size()) __builtin_prefetch(x.data() + (indices[i + ahead] - bucket.begin), 1);
    x[static_cast<std::size_t>(indices[i] - bucket.begin)] -= step * sparse->values[i];
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
