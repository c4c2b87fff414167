// Encoding a·gradient + b·memory in one pass over memory: what error feedback and momentum ask for.
#pragma once

#include <cstdint>
#include <span>

#include "tersegrad/compress/kernels/dense/axpby.hpp"
#include "tersegrad/compress/wire/message.hpp"
#include "tersegrad/core/buffer.hpp"

namespace tersegrad {

class Encoder;

/// Each function's default takes the plain way through the encoder; a method overrides those that it can do in one pass, with
/// the same bits.
class AxpbyEncoder {
 public:
  /// \param plain  outlives it; often the object itself
  explicit AxpbyEncoder(Encoder& plain) : plain_(plain) {}
  virtual ~AxpbyEncoder() = default;

  /// Encoder::begin_step() on an axpby p of gradient and memory, where Traits::whole_gradient; encode() then receives parts
  /// of `p`. \param p  as large, receives the axpby; may be the memory. Unless `wanted`, what it holds is encode()'s business
  virtual void begin_step_axpby(std::uint64_t step, const kernels::Axpby& whole, std::span<float> p, bool wanted);
  /// Encoder::encode() of a bucket of an axpby, made on the way, where the whole gradient is not needed. \param p receives it
  void encode_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message);
  /// values ← values − scale·C(values), the half-step of error feedback, right after encode() of that bucket.
  /// \returns false if a new value may not be finite
  virtual bool subtract_own(const Bucket& bucket, std::span<float> values, float scale, const Message& message);

 protected:
  /// encode_axpby() but for the header, as Encoder::pack.
  virtual void pack_axpby(const Bucket& bucket, const kernels::Axpby& part, std::span<float> p, Message& message);

 private:
  Encoder& plain_;
  Buffer<float> decoded_;
};

/// The encoder's own, or the plain way through it: what wrappers hold.
class AxpbyOf {
 public:
  explicit AxpbyOf(Encoder& encoder);
  AxpbyEncoder* operator->() { return own_ != nullptr ? own_ : &plain_; }

 private:
  AxpbyEncoder plain_;
  AxpbyEncoder* own_;
};

}  // namespace tersegrad
