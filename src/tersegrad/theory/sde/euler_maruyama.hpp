// Euler–Maruyama: the discretisation of a Process, with its normals from Philox.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/theory/sde/process.hpp"

namespace tersegrad {

/// out[i] = normal number `first` + i of the stream: Box–Muller on pairs of 53-bit uniforms, block b of the stream
/// giving numbers 2b and 2b + 1.
/// \param first even   \throws Error if it is odd
void fill_normals(const Stream& stream, std::uint64_t first, std::span<double> out);

/// x ← x + Δt·b(x) + √Δt·σ(x)z, z ~ N(0, I) (Appendix E, Algorithm 1): weak order 1 in Δt. The paper takes Δt = η.
///
/// The normals of step k are stream (seed, Purpose::sde, 0, k). A path that blows up keeps its infinities and NaNs:
/// divergence is a result.
class EulerMaruyama {
 public:
  /// Called with k, t = kΔt and x after k steps; k = 0 is the start.
  using Observer = std::function<void(std::int64_t k, double t, std::span<const double> x)>;

  /// \param process outlives this   \param dt > 0 (unit: learning rate × iterations)   \throws Error
  EulerMaruyama(const Process& process, double dt);

  /// One step with given normals. \param x [total], updated in place   \param z [replicas·normals()]
  void step(std::span<double> x, std::span<const double> z);

  /// `steps` steps; the observer sees every `every`-th state, the first and the last.
  void run(std::span<double> x, std::int64_t steps, std::uint64_t seed, const Observer& observer = {},
           std::int64_t every = 1);

 private:
  const Process& process_;
  double dt_;
  double root_dt_;
  Buffer<double> drift_, kick_, normals_;
};

}  // namespace tersegrad
