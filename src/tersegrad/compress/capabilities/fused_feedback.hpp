// Encoders of error feedback that a compressor brings itself.
#pragma once

#include <cstdint>
#include <memory>

namespace tersegrad {

class Compressor;
class Encoder;

/// The kinds of error feedback around a compressor: methods/error_feedback.cpp, methods/ef21.cpp.
enum class Feedback { ef14, ef21 };

class FusedFeedback {
 public:
  virtual ~FusedFeedback() = default;
  /// An encoder of error feedback around this compressor that does in one pass over memory what the wrapper's own does in
  /// several, with the same bits; null where there is none.
  virtual std::unique_ptr<Encoder> feedback_encoder(Feedback kind, std::uint32_t agent) const = 0;
};

/// The compressor's own, or null.
std::unique_ptr<Encoder> fused_feedback_encoder(const Compressor& inner, Feedback kind, std::uint32_t agent);

}  // namespace tersegrad
