// Gradient noise: what is added to an agent's gradient before it is compressed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tersegrad/core/random.hpp"
#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// A distribution of additive gradient noise Z, independent over agents, steps and (unless a member says
/// otherwise) coordinates. Members are immutable; draws are pure functions of the stream.
class Noise {
 public:
  static constexpr const char* family = "noise";
  virtual ~Noise() = default;

  /// Canonical spelling, e.g. "student:3:0.1".
  virtual std::string name() const = 0;

  /// values[j] += scale · Z_j for the coordinates [first, first + values.size()) of the whole vector.
  ///
  /// Cutting the vector into runs at any multiple of 4 gives the same bits as one call.
  /// \param stream the agent's noise stream of this step
  /// \param first  multiple of 4
  /// \param scale  ≥ 0; 1/√B where the full gradient stands in for a batch of B
  /// \throws Error if `first` is not a multiple of 4
  virtual void add(const Stream& stream, std::int64_t first, std::span<float> values, float scale) const = 0;

  /// The scale σ of one coordinate (for Student's t not its standard deviation) and the tail index ν (infinity:
  /// Gaussian): what the theory's predictions take.
  virtual double sigma() const = 0;
  virtual double nu() const = 0;
  /// True for "none": the caller may skip the call.
  virtual bool is_none() const { return false; }
};

using NoiseRegistry = Registry<Noise>;

}  // namespace tersegrad
