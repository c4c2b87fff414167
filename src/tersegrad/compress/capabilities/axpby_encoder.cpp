#include "tersegrad/compress/capabilities/axpby_encoder.hpp"

#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

void AxpbyEncoder::begin_step_axpby(std::uint64_t step, const kernels::Axpby& whole, std::span<float> p, bool /*wanted*/) {
  kernels::axpby(whole, p);
  plain_.begin_step(step, p);
}

void AxpbyEncoder::encode_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message) {
  begin_contents(bucket, message.header);
  pack_axpby(bucket, part, p, message);
  complete_contents(message);
}

void AxpbyEncoder::pack_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message) {
  kernels::axpby(part, p);
  plain_.encode(bucket, p, message);
}

bool AxpbyEncoder::subtract_own(const Bucket& bucket, std::span<float> values, float scale, const Message& message) {
  decoded_.resize(values.size());
  plain_.decode_own(bucket, message, decoded_);
  return kernels::axpby({decoded_, values, -scale, 1}, values) == 0;
}

AxpbyOf::AxpbyOf(Encoder& encoder) : plain_(encoder), own_(encoder.axpby()) {}

}  // namespace tersegrad
