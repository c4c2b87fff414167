#include "tersegrad/theory/laws/stationary.hpp"

#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/bounds/bounds.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {

void QuadraticSettings::check() const {
  TERSEGRAD_CHECK(!curvature.empty(), "a quadratic without coordinates (give the diagonal of H)");
  for (const double lambda : curvature) {
    TERSEGRAD_CHECK(lambda > 0 && std::isfinite(lambda), "H has the eigenvalue '", lambda,
                    "' (the stationary law needs H positive definite)");
  }
  TERSEGRAD_CHECK(lr > 0 && std::isfinite(lr), "learning rate is '", lr, "' (must be a positive number)");
  TERSEGRAD_CHECK(agents >= 1, "number of agents is '", agents, "' (must be at least 1)");
  TERSEGRAD_CHECK(batch > 0, "batch is '", batch, "' (must be positive)");
  noise.require_fit(agents, dim());
}

double MomentLaw::mean(std::size_t j, double start, double t) const { return start * std::exp(-decay[j] * t); }

double MomentLaw::second(std::size_t j, double start, double t) const {
  return Relaxation{start * start, rate[j], source[j]}.at(t);
}

double MomentLaw::variance(std::size_t j, double start, double t) const {
  // x0²(e^(−Mt) − e^(−2ht)) without the cancellation of two nearly equal numbers.
  const double gap = -std::expm1((rate[j] - 2 * decay[j]) * t) * std::exp(-rate[j] * t);
  return start * start * gap + Relaxation{0, rate[j], source[j]}.at(t);
}

double MomentLaw::stationary(std::size_t j) const { return Relaxation{0, rate[j], source[j]}.limit(); }

double MomentRecursion::mean(std::size_t j, double start, std::int64_t k) const {
  return start * std::pow(factor[j], static_cast<double>(k));
}

double MomentRecursion::second(std::size_t j, double start, std::int64_t k) const {
  const auto steps = static_cast<double>(k);
  if (square[j] == 1) return start * start + source[j] * steps;
  const double power = std::pow(square[j], steps);
  return power * start * start + source[j] * (1 - power) / (1 - square[j]);
}

double MomentRecursion::variance(std::size_t j, double start, std::int64_t k) const {
  const double m = mean(j, start, k);
  return second(j, start, k) - m * m;
}

double MomentRecursion::stationary(std::size_t j) const {
  return square[j] < 1 ? source[j] / (1 - square[j]) : std::numeric_limits<double>::infinity();
}

double quadratic_loss(std::span<const double> curvature, std::span<const double> second_moments) {
  double sum = 0;
  for (std::size_t j = 0; j < curvature.size(); ++j) sum += curvature[j] * second_moments[j];
  return 0.5 * sum;
}

MomentLaw dcsgd_law(const QuadraticSettings& s, double omega) {
  s.check();
  TERSEGRAD_CHECK(omega >= 0, "omega is '", omega, "' (a variance factor cannot be negative)");
  const double step = s.lr / static_cast<double>(s.agents);
  MomentLaw law;
  for (std::int64_t j = 0; j < s.dim(); ++j) {
    const double lambda = s.curvature[static_cast<std::size_t>(j)];
    law.decay.push_back(lambda);
    law.rate.push_back(2 * lambda * (1 - 0.5 * step * omega * lambda));
    law.source.push_back(step * (1 + omega) * s.noise.mean_variance(j) / s.batch);
  }
  return law;
}

MomentLaw sign_law(const QuadraticSettings& s) {
  s.check();
  const double ell = sign_mean_slope(s.noise.nu(), 0);
  const double step = s.lr / static_cast<double>(s.agents);
  MomentLaw law;
  for (std::int64_t j = 0; j < s.dim(); ++j) {
    const double lambda = s.curvature[static_cast<std::size_t>(j)];
    const double first = std::sqrt(s.batch) * s.noise.mean_inverse(j);
    const double second = s.batch * s.noise.mean_inverse_square(j);
    TERSEGRAD_CHECK(std::isfinite(first), "the noise scale of coordinate ", j,
                    " is 0 for some agent (DSignSGD has a stationary law only with noise)");
    law.decay.push_back(ell * first * lambda);
    law.rate.push_back(2 * ell * first * lambda + step * ell * ell * second * lambda * lambda);
    law.source.push_back(step);
  }
  return law;
}

MomentRecursion euler_maruyama_moments(const MomentLaw& law, double dt) {
  MomentRecursion recursion;
  for (std::size_t j = 0; j < law.decay.size(); ++j) {
    const double factor = 1 - law.decay[j] * dt;
    recursion.factor.push_back(factor);
    recursion.square.push_back(factor * factor + dt * (2 * law.decay[j] - law.rate[j]));
    recursion.source.push_back(dt * law.source[j]);
  }
  return recursion;
}

MomentRecursion dcsgd_recursion(const QuadraticSettings& s, double omega) {
  s.check();
  TERSEGRAD_CHECK(omega >= 0, "omega is '", omega, "' (a variance factor cannot be negative)");
  const double spread = s.lr * s.lr / static_cast<double>(s.agents);
  MomentRecursion recursion;
  for (std::int64_t j = 0; j < s.dim(); ++j) {
    const double lambda = s.curvature[static_cast<std::size_t>(j)];
    const double factor = 1 - s.lr * lambda;
    recursion.factor.push_back(factor);
    recursion.square.push_back(factor * factor + spread * omega * lambda * lambda);
    recursion.source.push_back(spread * (1 + omega) * s.noise.mean_variance(j) / s.batch);
  }
  return recursion;
}

double dcsgd_cross_rate(const QuadraticSettings& s, std::size_t j, std::size_t l, double c) {
  return s.curvature[j] + s.curvature[l] - s.lr / static_cast<double>(s.agents) * c * s.curvature[j] * s.curvature[l];
}

double dcsgd_cross_factor(const QuadraticSettings& s, std::size_t j, std::size_t l, double c) {
  return (1 - s.lr * s.curvature[j]) * (1 - s.lr * s.curvature[l]) +
         s.lr * s.lr / static_cast<double>(s.agents) * c * s.curvature[j] * s.curvature[l];
}

double dcsgd_sde_lr_limit(double lambda, std::int64_t agents, double omega) {
  return 2 * static_cast<double>(agents) / (omega * lambda);
}

double dcsgd_exact_lr_limit(double lambda, std::int64_t agents, double omega) {
  const auto n = static_cast<double>(agents);
  return 2 * n / (lambda * (n + omega));
}

}  // namespace tersegrad
