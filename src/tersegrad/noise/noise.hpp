// Gradient noise: what is added to an agent's gradient before it is compressed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// A distribution of additive gradient noise Z, independent over agents, steps and (unless a member says
/// otherwise) coordinates. Members are immutable; draws are pure functions of the stream.
///
/// The same seed gives the same bits on every SIMD target of a machine type. Heavy tails reach ±inf where σ·|Z| exceeds
/// the largest float (below ν ≈ 0.26 with σ = 1); a draw is never NaN, and never 0 unless its scale is.
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
  /// \param first  multiple of 4, from 0 to 2^48
  /// \param scale  ≥ 0, finite; 1/√B where the full gradient stands in for a batch of B
  /// \throws Error if `first` or `scale` is not such
  virtual void add(const Stream& stream, std::int64_t first, std::span<float> values, float scale) const = 0;

  /// The same noise for a vector of many replicas of `dim` coordinates each, one behind the other: whatever depends on
  /// the place within a replica (a scale per coordinate) or is shared by one (joint-student's χ²) starts
  /// again at each; name() is that of one replica. \param dim ≥ 1
  virtual std::unique_ptr<Noise> replicated(std::int64_t dim) const = 0;

  /// The scale σ of one coordinate (for Student's t not its standard deviation) and the tail index ν (infinity:
  /// Gaussian): what the theory's predictions take. With a scale per coordinate, sigma() is the σ that was given and
  /// sigma_at(j) that of coordinate j.
  virtual double sigma() const = 0;
  virtual double sigma_at(std::int64_t) const { return sigma(); }
  virtual double nu() const = 0;
  /// False for a joint law, whose coordinates are large together.
  virtual bool has_independent_coordinates() const { return true; }
  /// True for "none": the caller may skip the call.
  virtual bool is_none() const { return false; }
};

using NoiseRegistry = Registry<Noise>;

}  // namespace tersegrad
