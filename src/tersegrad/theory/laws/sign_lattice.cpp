#include "tersegrad/theory/laws/sign_lattice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {
namespace {

constexpr double negligible = 1e-18;

/// Binomial(n, p) from its mode outwards, cut where a term falls below `negligible`: law[i] = P[first + i].
std::int64_t binomial_law(std::int64_t n, double p, double q, std::vector<double>& law) {
  law.clear();
  if (p <= 0 || q <= 0) {
    law.push_back(1);
    return p <= 0 ? 0 : n;
  }
  const auto count = static_cast<double>(n);
  const auto mode = std::min(n, static_cast<std::int64_t>((count + 1) * p));
  const auto m = static_cast<double>(mode);
  const double peak = std::exp(std::lgamma(count + 1) - std::lgamma(m + 1) - std::lgamma(count - m + 1) +
                               m * std::log(p) + (count - m) * std::log(q));
  double term = peak;
  std::int64_t first = mode;
  while (first > 0) {
    term *= static_cast<double>(first) * q / (static_cast<double>(n - first + 1) * p);
    if (term < negligible) break;
    law.push_back(term);
    --first;
  }
  std::reverse(law.begin(), law.end());
  law.push_back(peak);
  term = peak;
  for (std::int64_t i = mode; i < n; ++i) {
    term *= static_cast<double>(n - i) * p / (static_cast<double>(i + 1) * q);
    if (term < negligible) break;
    law.push_back(term);
  }
  double sum = 0;  // lgamma's rounding grows with n; the terms' ratios are exact
  for (const double value : law) sum += value;
  for (double& value : law) value /= sum;
  return first;
}

}  // namespace

SignLattice::SignLattice(const QuadraticSettings& s, std::int64_t coordinate, double start)
    : response_(s.noise.nu()),
      lambda_(s.curvature[static_cast<std::size_t>(coordinate)]),
      start_(start),
      lr_(s.lr),
      agents_(s.agents) {
  s.check();
  TERSEGRAD_CHECK(s.agents <= 1'000'000, "number of agents is '", s.agents, "' (the exact law takes at most 1000000)");
  for (std::int64_t i = 0; i < s.noise.rows(); ++i) {
    const double sigma = s.noise.scale(i, coordinate);
    TERSEGRAD_CHECK(sigma > 0, "noise scale sigma is '", sigma,
                    "' (DSignSGD's exact law needs noise in every coordinate)");
    ratio_.push_back(std::sqrt(s.batch) * lambda_ / sigma);
  }
}

double SignLattice::position(std::size_t i) const {
  const auto pluses = static_cast<double>(first_ + static_cast<std::int64_t>(i));
  const double sum = 2 * pluses - static_cast<double>(steps_) * static_cast<double>(agents_);
  return start_ - lr_ / static_cast<double>(agents_) * sum;
}

std::int64_t SignLattice::count_law(double x) {
  if (ratio_.size() == 1) {
    const double h = response_(ratio_.front() * x);
    return binomial_law(agents_, 0.5 * (1 + h), 0.5 * (1 - h), signs_);
  }
  signs_.assign(1, 1.0);
  for (const double ratio : ratio_) {  // one coin after the other
    const double h = response_(ratio * x);
    signs_.push_back(0);
    for (std::size_t n = signs_.size() - 1; n > 0; --n)
      signs_[n] = 0.5 * (1 - h) * signs_[n] + 0.5 * (1 + h) * signs_[n - 1];
    signs_[0] *= 0.5 * (1 - h);
  }
  return 0;
}

void SignLattice::advance_once() {
  next_.assign(mass_.size() + static_cast<std::size_t>(agents_), 0.0);
  for (std::size_t i = 0; i < mass_.size(); ++i) {
    if (mass_[i] == 0) continue;
    const auto from = static_cast<std::size_t>(count_law(position(i)));
    for (std::size_t n = 0; n < signs_.size(); ++n) next_[i + from + n] += mass_[i] * signs_[n];
  }
  ++steps_;
  // Trim each side by no more than `negligible` in all.
  std::size_t low = 0, high = next_.size();
  double dropped = 0;
  while (low + 1 < high && dropped + next_[low] < negligible) dropped += next_[low++];
  lost_ += dropped;
  dropped = 0;
  while (low + 1 < high && dropped + next_[high - 1] < negligible) dropped += next_[--high];
  lost_ += dropped;
  mass_.assign(next_.begin() + static_cast<std::ptrdiff_t>(low), next_.begin() + static_cast<std::ptrdiff_t>(high));
  first_ += static_cast<std::int64_t>(low);
}

void SignLattice::advance(std::int64_t steps) {
  for (std::int64_t k = 0; k < steps; ++k) advance_once();
}

double SignLattice::mean() const {
  double sum = 0;
  for (std::size_t i = 0; i < mass_.size(); ++i) sum += mass_[i] * position(i);
  return sum;
}

double SignLattice::second() const {
  double sum = 0;
  for (std::size_t i = 0; i < mass_.size(); ++i) sum += mass_[i] * position(i) * position(i);
  return sum;
}

double SignLattice::variance() const {
  const double center = mean();
  double sum = 0;
  for (std::size_t i = 0; i < mass_.size(); ++i) sum += mass_[i] * (position(i) - center) * (position(i) - center);
  return sum;
}

namespace {

/// True if coordinates a and b of a run have the same law.
bool alike(const QuadraticSettings& s, std::size_t a, std::size_t b) {
  if (s.curvature[a] != s.curvature[b]) return false;
  for (std::int64_t i = 0; i < s.noise.rows(); ++i) {
    if (s.noise.scale(i, static_cast<std::int64_t>(a)) != s.noise.scale(i, static_cast<std::int64_t>(b))) return false;
  }
  return true;
}

}  // namespace

SignMoments sign_moments(const QuadraticSettings& settings, std::span<const double> start, std::int64_t steps) {
  settings.check();
  SignMoments moments;
  for (std::size_t j = 0; j < settings.curvature.size(); ++j) {
    if (j > 0 && start[j] == start[j - 1] && alike(settings, j, j - 1)) {
      moments.mean.push_back(moments.mean.back());
      moments.second.push_back(moments.second.back());
      continue;
    }
    SignLattice lattice(settings, static_cast<std::int64_t>(j), start[j]);
    lattice.advance(steps);
    moments.mean.push_back(lattice.mean());
    moments.second.push_back(lattice.second());
  }
  return moments;
}

std::vector<double> sign_stationary(const QuadraticSettings& settings, double relative, std::int64_t most_steps) {
  settings.check();
  const MomentLaw law = sign_law(settings);
  std::vector<double> result;
  for (std::size_t j = 0; j < settings.curvature.size(); ++j) {
    if (j > 0 && alike(settings, j, j - 1)) {
      result.push_back(result.back());
      continue;
    }
    SignLattice lattice(settings, static_cast<std::int64_t>(j), 0.0);
    // One time constant of the linear phase a block: what a block leaves unchanged to `relative` has settled.
    const auto block = static_cast<std::int64_t>(std::ceil(1 / (settings.lr * law.rate[j]))) + 1;
    double before = -std::numeric_limits<double>::infinity();
    for (;;) {
      TERSEGRAD_CHECK(lattice.steps() + block <= most_steps, "DSignSGD's law has not settled after ", lattice.steps(),
                      " steps (learning rate ", settings.lr, " is tiny against the noise; raise it)");
      lattice.advance(block);
      double now = lattice.second();
      lattice.advance(1);
      now = 0.5 * (now + lattice.second());
      if (std::abs(now - before) <= relative * now) {
        result.push_back(now);
        break;
      }
      before = now;
    }
  }
  return result;
}

}  // namespace tersegrad
