// Sparsifiers whose index sets are drawn, not chosen: both ends draw them alike, so only the values travel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/compress/values.hpp"

namespace tersegrad {

/// C(g)_j = scale·g_j on the drawn coordinates, 0 elsewhere.
struct DrawnSetup {
  std::uint32_t agents = 1;
  double scale = 1;
  ValueFormat wire = ValueFormat::fp32;
  /// The ascending set of an agent at a step, indices into the whole vector: a pure function of its arguments.
  std::function<void(std::uint32_t agent, std::uint64_t step, std::vector<std::uint32_t>& indices)> draw;
};

/// Sends the unscaled values. A non-finite coordinate counts whether or not it was drawn; it travels if it was. A drawn
/// one counts too if it would come back as inf: beyond the wire's range, or beyond float32 once scaled.
std::unique_ptr<Encoder> drawn_encoder(const DrawnSetup& setup, std::uint32_t agent);

/// The aggregate holds the values of the union of the agents' sets in ascending order. Every rank can redraw the
/// sets, so the union's indices cost no bytes either, and it is never larger than the dense vector. They are scaled,
/// but in fp16, whose range would not hold them: there decode() scales.
std::unique_ptr<Aggregator> drawn_aggregator(const DrawnSetup& setup);

}  // namespace tersegrad
