// The algorithms themselves, in a few serial lines: the truth that SDEs and laws are held against.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/core/random/random.hpp"
#include "tersegrad/theory/sde/euler_maruyama.hpp"
#include "tersegrad/theory/sde/process.hpp"

namespace tersegrad {

/// One replica's run of a method from x0, seeded; Gaussian noise of scale σ/√B, identical agents.
struct SerialRun {
  Gradient gradient;
  double lr = 0.1;
  std::int64_t agents = 1;
  double sigma = 1;  ///< at the batch size in use

  /// DCSGD with Rand-k: exactly k of d coordinates, scaled by d/k. k = d: DSGD.
  std::vector<double> rand_k(std::vector<double> x, std::int64_t k, std::int64_t steps, std::uint64_t seed) const {
    return run(std::move(x), steps, seed, [&](std::span<double> g, Sequence& random) {
      const auto d = static_cast<std::int64_t>(g.size());
      for (std::int64_t left = d, keep = k, j = 0; j < d; ++j, --left) {  // selection sampling
        const bool kept = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(left))) < keep;
        keep -= kept;
        g[static_cast<std::size_t>(j)] *= kept ? static_cast<double>(d) / static_cast<double>(k) : 0;
      }
    });
  }

  /// DSignSGD, mean of signs.
  std::vector<double> sign(std::vector<double> x, std::int64_t steps, std::uint64_t seed) const {
    return run(std::move(x), steps, seed, [](std::span<double> g, Sequence&) {
      for (double& value : g) value = static_cast<double>(value > 0) - static_cast<double>(value < 0);
    });
  }

 private:
  template <class Compress>
  std::vector<double> run(std::vector<double> x, std::int64_t steps, std::uint64_t seed,
                          const Compress& compress) const {
    std::vector<double> full(x.size()), g(x.size()), z(x.size()), sum(x.size());
    for (std::int64_t k = 0; k < steps; ++k) {
      gradient(x, full);
      sum.assign(x.size(), 0.0);
      for (std::int64_t i = 0; i < agents; ++i) {
        const auto agent = static_cast<std::uint32_t>(i);
        fill_normals(Stream({seed, Purpose::noise, agent, static_cast<std::uint64_t>(k)}), 0, z);
        Sequence random({seed, Purpose::sparsify, agent, static_cast<std::uint64_t>(k)});
        for (std::size_t j = 0; j < x.size(); ++j) g[j] = full[j] + sigma * z[j];
        compress(g, random);
        for (std::size_t j = 0; j < x.size(); ++j) sum[j] += g[j];
      }
      for (std::size_t j = 0; j < x.size(); ++j) x[j] -= lr / static_cast<double>(agents) * sum[j];
    }
    return x;
  }
};

/// ∇f of ½ Σ λ_j x_j², for any number of replicas.
inline Gradient quadratic_gradient(std::vector<double> curvature) {
  return [curvature = std::move(curvature)](std::span<const double> x, std::span<double> g) {
    for (std::size_t i = 0; i < x.size(); ++i) g[i] = curvature[i % curvature.size()] * x[i];
  };
}

}  // namespace tersegrad
