// Error feedback around scaled signs, in one pass over memory a step.
#pragma once

#include <cstdint>
#include <memory>

#include "tersegrad/compress/capabilities/fused_feedback.hpp"
#include "tersegrad/compress/compressor.hpp"

namespace tersegrad {

/// What the wrappers of error_feedback.cpp and ef21.cpp do with `scaled-sign`, bit for bit, where sign(0) is 0 and the
/// layout has one replica. The scale ‖p‖₁/d is known only behind the last coordinate, so the wrappers pass over memory
/// again with it. Signs do not need it: here the pass that adds gradient and memory packs and measures too, and what is
/// left of p, or what moves h, is taken by the next step's pass.
/// \param plain  an encoder of the same compressor and agent: decodes its own messages
std::unique_ptr<Encoder> scaled_sign_feedback(Feedback kind, const CompressorSetup& setup, std::uint32_t agent,
                                              std::unique_ptr<Encoder> plain);

}  // namespace tersegrad
