#include "apps/reproduce/allowance.hpp"

#include <cmath>

namespace tersegrad {

double step_allowance(const MomentLaw& law, std::size_t j, double start, double lr, std::int64_t k) {
  const double t = lr * static_cast<double>(k);
  return std::abs(euler_maruyama_moments(law, lr).second(j, start, k) / law.second(j, start, t) - 1);
}

double step_allowance(const MomentLaw& law, std::size_t j, double lr) {
  return std::abs(euler_maruyama_moments(law, lr).stationary(j) / law.stationary(j) - 1);
}

double step_allowance(const Relaxation& bound, double decay, double lr, std::int64_t k) {
  const MomentLaw law{{decay}, {bound.rate}, {bound.source}};
  return step_allowance(law, 0, std::sqrt(bound.initial), lr, k);
}

double curvature_allowance(double nu, double start, double variance) {
  const double c = std::isinf(nu) ? 1.0 / 6 : (nu + 1) / (6 * nu);
  return c * (start * start + 3 * variance);
}

}  // namespace tersegrad
