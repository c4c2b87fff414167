#include "tersegrad/compress/capabilities/fused_feedback.hpp"

#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

std::unique_ptr<Encoder> fused_feedback_encoder(const Compressor& inner, Feedback kind, std::uint32_t agent) {
  const FusedFeedback* own = inner.fused_feedback();
  return own == nullptr ? nullptr : own->feedback_encoder(kind, agent);
}

}  // namespace tersegrad
