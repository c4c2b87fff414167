// What a compressor is made for.
#pragma once

#include <cstdint>

#include "tersegrad/core/layout.hpp"

namespace tersegrad {

/// The run that a compressor serves: Registry<Compressor> hands it to every factory.
struct CompressorSetup {
  ParameterLayout layout;  ///< of several replicas each is compressed as if alone: no bit of one depends on another's coordinates
  std::uint64_t seed = 0;
  std::uint32_t agents = 1;  ///< N
  /// Whether a step may be taken back (EncoderMemory::discard_step) or may bring values that are not finite and are to be
  /// forgotten: encoders with memory then keep what they would go back to, one float a coordinate more.
  bool undo = true;
  /// Where the layout is a stretch of a vector that is compressed stretch by stretch: that vector's coordinates. A count such
  /// as k is then one of all of it, and this stretch has its share. 0: the layout is everything.
  std::int64_t stretch_of = 0;
};

}  // namespace tersegrad
