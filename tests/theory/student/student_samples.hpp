// Samples of Student's t laws for tests of estimators.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad {

/// n draws of σ·t_ν (Bailey 1994; ν = ∞: Box–Muller), a stream of its own for each `stream`.
inline std::vector<double> student_sample(double nu, double sigma, std::size_t n, std::uint64_t stream) {
  Sequence random({.seed = 20, .purpose = Purpose::test, .agent = 7, .step = stream});
  std::vector<double> sample(n);
  for (double& x : sample) {
    const double u = random.uniform(), v = random.uniform();
    const double radius =
        std::isinf(nu) ? std::sqrt(-2 * std::log(u)) : std::sqrt(nu * std::expm1(-2 / nu * std::log(u)));
    x = sigma * radius * std::cos(2 * 3.14159265358979323846 * v);
  }
  return sample;
}

/// z standard errors of a share of `count` trials whose chance is p.
inline double share_tolerance(double p, int count, double z) { return z * std::sqrt(p * (1 - p) / count); }

}  // namespace tersegrad
