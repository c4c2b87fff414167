#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

bool Encoder::subtract_own(const Bucket& bucket, std::span<float> values, float scale, const Message& message) {
  decoded_.resize(values.size());
  decode_own(bucket, message, decoded_);
  return kernels::blend({decoded_, values, -scale, 1}, values) == 0;
}

void Encoder::begin_step_blended(std::uint64_t step, const kernels::Blend& whole, std::span<float> p, bool /*wanted*/) {
  kernels::blend(whole, p);
  begin_step(step, p);
}

void Encoder::encode_blended(const Bucket& bucket, const kernels::Blend& part, std::span<float> p, Message& message) {
  kernels::blend(part, p);
  encode(bucket, p, message);
}

bool Aggregator::descend(const Bucket& bucket, const MessageView& aggregate, float step, std::span<float> x) {
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
