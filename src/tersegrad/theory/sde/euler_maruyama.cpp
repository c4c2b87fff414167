#include "tersegrad/theory/sde/euler_maruyama.hpp"

#include <cmath>
#include <numbers>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

/// (n + ½)·2⁻⁵³ with n the upper 53 bits: in (0, 1).
double uniform(std::uint32_t low, std::uint32_t high) {
  const std::uint64_t word = (static_cast<std::uint64_t>(high) << 32) | low;
  return (static_cast<double>(word >> 11) + 0.5) * 0x1p-53;
}

}  // namespace

void fill_normals(const Stream& stream, std::uint64_t first, std::span<double> out) {
  TERSEGRAD_ASSERT(first % 2 == 0, "normals of a stream start at an even number, not ", first);
  std::uint64_t block = first / 2;
  for (std::size_t i = 0; i < out.size(); i += 2, ++block) {
    const auto words = stream.block(block);
    const double radius = std::sqrt(-2 * std::log(uniform(words[0], words[1])));
    const double angle = 2 * std::numbers::pi * uniform(words[2], words[3]);
    out[i] = radius * std::cos(angle);
    if (i + 1 < out.size()) out[i + 1] = radius * std::sin(angle);
  }
}

EulerMaruyama::EulerMaruyama(const Process& process, double dt) : process_(process), dt_(dt), root_dt_(std::sqrt(dt)) {
  TERSEGRAD_CHECK(dt > 0 && std::isfinite(dt), "time step dt is '", dt, "' (must be a positive number)");
  const auto total = static_cast<std::size_t>(process.layout().total());
  drift_.resize(total);
  kick_.resize(total);
}

void EulerMaruyama::step(std::span<double> x, std::span<const double> z) {
  process_.evaluate(x, z, drift_, kick_);
  if (process_.normals() == 0) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] += dt_ * drift_[j];
    return;
  }
  for (std::size_t j = 0; j < x.size(); ++j) x[j] += dt_ * drift_[j] + root_dt_ * kick_[j];
}

void EulerMaruyama::run(std::span<double> x, std::int64_t steps, std::uint64_t seed, const Observer& observer,
                        std::int64_t every) {
  const auto& layout = process_.layout();
  TERSEGRAD_ASSERT(static_cast<std::int64_t>(x.size()) == layout.total(), "a state of ", x.size(),
                  " numbers for an SDE of ", layout.total());
  TERSEGRAD_ASSERT(steps >= 0 && every >= 1, steps, " steps, observed every ", every);
  normals_.resize(static_cast<std::size_t>(layout.replicas * process_.normals()));
  if (observer) observer(0, 0.0, x);
  for (std::int64_t k = 0; k < steps; ++k) {
    const Stream stream({seed, Purpose::sde, 0, static_cast<std::uint64_t>(k)});
    fill_normals(stream, 0, normals_);
    step(x, normals_);
    if (observer && ((k + 1) % every == 0 || k + 1 == steps)) observer(k + 1, static_cast<double>(k + 1) * dt_, x);
  }
}

}  // namespace tersegrad
