#include "tersegrad/theory/student_fit.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <boost/math/tools/minima.hpp>
#include <boost/math/tools/roots.hpp>
#include <cmath>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/student_constants.hpp"

namespace tersegrad {
namespace {

constexpr double heaviest_weight = 1 / (1 + heaviest_tail_index);

/// Squares of the sample in units of their median: the search then starts near 1 whatever the unit.
class ProfileLikelihood {
 public:
  explicit ProfileLikelihood(std::span<const double> sample) {
    for (const double x : sample) squares_.push_back(std::abs(x));
    auto middle = squares_.begin() + static_cast<std::ptrdiff_t>(squares_.size() / 2);
    std::nth_element(squares_.begin(), middle, squares_.end());
    unit_ = *middle;
    for (double& x : squares_) x = (x / unit_) * (x / unit_);
  }

  double unit() const { return unit_; }

  /// log σ (in units of unit()) that maximises the likelihood at ν = tail_index(u).
  double log_scale(double u) const {
    const auto n = static_cast<double>(squares_.size());
    const double nu = tail_index(u);
    if (std::isinf(nu)) {
      double sum = 0;
      for (const double x2 : squares_) sum += x2;
      return 0.5 * std::log(sum / n);
    }
    // Decreasing in σ, from (ν + 1)·(non-zero values) to 0.
    const auto excess = [&](double sigma) {
      double sum = 0;
      const double ns2 = nu * sigma * sigma;
      for (const double x2 : squares_) sum += x2 / (ns2 + x2);
      return (nu + 1) * sum - n;
    };
    std::uintmax_t rounds = 200;
    const auto bracket = boost::math::tools::bracket_and_solve_root(
        excess, 1.0, 2.0, false, boost::math::tools::eps_tolerance<double>(45), rounds);
    return 0.5 * std::log(bracket.first * bracket.second);
  }

  /// Profile log-likelihood of the sample in units of unit().
  double operator()(double u) const {
    const auto n = static_cast<double>(squares_.size());
    const double nu = tail_index(u), log_sigma = log_scale(u), s2 = std::exp(2 * log_sigma);
    double sum = 0;
    if (std::isinf(nu)) {
      sum = -0.5 * n;  // Σ x²/(2σ²) at σ² = mean x²
    } else {
      for (const double x2 : squares_) sum -= 0.5 * (nu + 1) * std::log1p(x2 / (nu * s2));
    }
    return sum + n * (std::log(0.5 * sign_mean_slope(nu, 0)) - log_sigma);
  }

 private:
  std::vector<double> squares_;
  double unit_ = 1;
};

void check(std::span<const double> sample, double level) {
  TERSEGRAD_CHECK(level > 0 && level < 1, "level is '", level, "' (an interval's level must be between 0 and 1)");
  TERSEGRAD_CHECK(sample.size() >= 8, "cannot fit a t law to ", sample.size(), " values (needs at least 8)");
  std::size_t zeros = 0;
  for (const double x : sample) {
    TERSEGRAD_CHECK(std::isfinite(x), "cannot fit a t law to a sample that holds '", x, "' (values must be finite)");
    zeros += x == 0;
  }
  TERSEGRAD_CHECK(10 * zeros < sample.size(), "cannot fit a t law: ", zeros, " of ", sample.size(),
                  " values are 0 (must be fewer than a tenth: a continuous law has none)");
  TERSEGRAD_CHECK(std::any_of(sample.begin(), sample.end(), [&](double x) { return x != sample[0]; }),
                  "cannot fit a t law: all ", sample.size(), " values are '", sample[0], "'");
}

/// Var log σ̂ · n with ν estimated: 1/(I_σσ − I_σν²/I_νν), per observation.
double log_scale_variance(double nu) {
  nu = std::min(nu, 1000.0);
  const double ss = 2 * nu / (nu + 3);
  const double sn = -2 / ((nu + 1) * (nu + 3));
  const double nn = 0.25 * (boost::math::trigamma(0.5 * nu) - boost::math::trigamma(0.5 * (nu + 1))) -
                    0.5 * (nu + 5) / (nu * (nu + 1) * (nu + 3));
  return 1 / (ss - sn * sn / nn);
}

}  // namespace

StudentFit fit_student(std::span<const double> sample, double level) {
  check(sample, level);
  const ProfileLikelihood likelihood(sample);

  const auto [found, negative] =
      boost::math::tools::brent_find_minima([&](double u) { return -likelihood(u); }, 0.0, heaviest_weight, 24);
  double best = found, highest = -negative;
  for (const double end : {0.0, heaviest_weight}) {
    if (const double value = likelihood(end); value >= highest) {
      best = end;
      highest = value;
    }
  }

  const double allowed = 0.5 * quantile(boost::math::chi_squared(1), level);
  const auto spare = [&](double u) { return likelihood(u) - highest + allowed; };
  const auto cross = [&](double inside, double outside) {
    std::uintmax_t rounds = 100;
    const auto near = [](double a, double b) { return std::abs(a - b) < 1e-9; };
    const auto bracket = boost::math::tools::toms748_solve(spare, std::min(inside, outside),
                                                           std::max(inside, outside), near, rounds);
    return 0.5 * (bracket.first + bracket.second);
  };
  StudentFit fit;
  fit.tail.nu = tail_index(best);
  fit.tail.nu_high = spare(0) >= 0 ? tail_index(0) : tail_index(cross(best, 0));
  fit.tail.nu_low = spare(heaviest_weight) >= 0 ? 0 : tail_index(cross(best, heaviest_weight));
  fit.sigma = likelihood.unit() * std::exp(likelihood.log_scale(best));
  fit.sigma_error = fit.sigma * std::sqrt(log_scale_variance(fit.tail.nu) / static_cast<double>(sample.size()));
  fit.log_likelihood = highest - static_cast<double>(sample.size()) * std::log(likelihood.unit());
  return fit;
}

}  // namespace tersegrad
