// A whole step's scaled signs, which one pass over the gradient brings: buckets are cut out of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/kernels/sign/sign_pack.hpp"
#include "tersegrad/compress/sign/sign_planes.hpp"
#include "tersegrad/core/buffer.hpp"

namespace tersegrad {

/// The signs and the scale of a whole step, and messages made of them.
class SignedStep {
 public:
  /// \param setup  of one replica
  SignedStep(ZeroRule rule, const CompressorSetup& setup, std::uint32_t agent)
      : size_(static_cast<std::size_t>(setup.layout.total())),
        writer_(rule, setup.seed, agent),
        signs_((size_ + 7) / 8),
        zeros_(signs_.size()) {}

  /// Which step's coins decide about zeros: for ZeroRule::random.
  void begin_step(std::uint64_t step) { writer_.begin_step(step); }
  std::size_t size() const { return size_; }
  std::span<std::byte> signs() { return signs_; }
  std::span<std::byte> zeros() { return zeros_; }
  void measured(const kernels::SignTotals& totals) {
    scale_ = static_cast<float>(totals.magnitudes / static_cast<double>(size_));
    all_finite_ = totals.counts.nonfinite == 0;
  }
  float scale() const { return scale_; }
  /// Whether the scale is: one coordinate that is not makes it so too.
  bool finite() const { return std::isfinite(scale_); }

  /// \param p_at  coordinate j of the bucket, asked for only where some coordinate of the step is not finite
  template <class At>
  void write(const Bucket& bucket, Message& message, At&& p_at) {
    constexpr std::int64_t prefix = sizeof scale_;
    const auto room = writer_.planes(bucket, prefix, message);
    const auto first = bucket.begin / 8;
    std::copy_n(signs_.begin() + first, room.signs.size(), room.signs.begin());
    std::copy_n(zeros_.begin() + first, room.zeros.size(), room.zeros.begin());
    kernels::SignCounts counts;
    std::byte any{};
    for (const std::byte byte : room.zeros) any |= byte;
    counts.zeros = any != std::byte{} ? 1 : 0;  // that there are some is all that is asked
    for (std::int64_t j = 0; !all_finite_ && j < bucket.size(); ++j) {
      counts.nonfinite += !std::isfinite(p_at(static_cast<std::size_t>(j)));
    }
    writer_.finish(bucket, counts, prefix, message);
    std::memcpy(message.payload.data(), &scale_, sizeof scale_);
  }

 private:
  std::size_t size_;
  SignWriter writer_;
  Buffer<std::byte> signs_, zeros_;
  float scale_ = 0;
  bool all_finite_ = true;
};

}  // namespace tersegrad
