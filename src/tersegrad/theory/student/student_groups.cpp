#include "tersegrad/theory/student/student_groups.hpp"

#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/tools/roots.hpp>
#include <cmath>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/statistics.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t most_values = 64;
constexpr double heaviest_weight = 1 / (1 + heaviest_tail_index);
/// Above it, (1 + q/ν)^(−(ν+1)/2) in double precision is exp(−q/2) to 1e-8.
constexpr double as_gaussian = 1e8;

// The trapezoidal rule converges geometrically for integrands analytic in a strip. In v their poles lie √ν from the
// real axis. In log s the Gaussian's integrand has the Fourier transform Γ((K − 1)/2 + iω/2) ~ ω^(K/2 − 1) e^(−πω/4):
// at the step 0.2, ω = 10π, that is 1e-7 of its value at 0.
// In v the Gaussian's deviation is 1/√K: at the step 1/√K the error is 2e^(−2π²) = 5e-9.
constexpr double widest_step_v = 0.35, widest_step_r = 0.2;
constexpr std::size_t most_nodes_v = 64;
/// Nodes below e^−30 of the largest are left out.
constexpr double negligible = 30;

/// A group shifted by its median and divided by its median distance from it.
struct Standardised {
  std::array<double, most_values> y{};
  std::size_t count = 0;
  double centre = 0, unit = 1;
};

Standardised standardise(std::span<const double> values) {
  TERSEGRAD_CHECK(values.size() >= 4 && values.size() <= most_values, "a group has ", values.size(),
                  " values (must be 4 to ", most_values, ")");
  TERSEGRAD_CHECK(is_usable_group(values), "a group has values that are not finite, or two alike");
  Standardised group;
  group.count = values.size();
  std::array<double, most_values> sorted{};
  const std::span<double> scratch(sorted.data(), group.count);
  std::copy(values.begin(), values.end(), scratch.begin());
  group.centre = median(scratch);
  for (std::size_t b = 0; b < group.count; ++b) scratch[b] = std::abs(values[b] - group.centre);
  group.unit = median(scratch);
  for (std::size_t b = 0; b < group.count; ++b) group.y[b] = (values[b] - group.centre) / group.unit;
  return group;
}

/// What the double integral gives, in the group's own unit.
struct Integral {
  double log_value = 0;
  double location = 0;
  double log_scale = 0;
};

/// The closed form: ∫∫ = const·S^(−(K−1)), m ~ ȳ, s² ~ S²/χ²_{K−1}.
Integral integrate_gaussian(const Standardised& group) {
  const auto k = static_cast<double>(group.count);
  double mean = 0, squares = 0;
  for (std::size_t b = 0; b < group.count; ++b) mean += group.y[b] / k;
  for (std::size_t b = 0; b < group.count; ++b) squares += (group.y[b] - mean) * (group.y[b] - mean);
  constexpr double log_2pi = 1.8378770664093454836;
  const double value = -0.5 * (k - 1) * log_2pi - 0.5 * std::log(k) + std::lgamma(0.5 * (k - 1)) - std::log(2.0) -
                       0.5 * (k - 1) * std::log(0.5 * squares);
  return {value, mean, 0.5 * (std::log(0.5 * squares) - boost::math::digamma(0.5 * (k - 1)))};
}

/// log s near the maximum of the integrand at m = 0: s² ← Σ w_b y_b²/(K − 1), w_b = (ν + 1)/(ν + y_b²/s²).
double central_log_scale(const Standardised& group, double nu) {
  double s2 = 1;
  for (int round = 0; round < 12; ++round) {
    double sum = 0;
    for (std::size_t b = 0; b < group.count; ++b) {
      const double y2 = group.y[b] * group.y[b];
      sum += (nu + 1) * y2 * s2 / (nu * s2 + y2);
    }
    s2 = sum / static_cast<double>(group.count - 1);
  }
  return 0.5 * std::log(s2);
}

Integral integrate(const Standardised& group, double nu) {
  if (nu > as_gaussian) return integrate_gaussian(group);
  const auto k = static_cast<double>(group.count);
  const double power = 0.5 * (nu + 1);
  const double centre = central_log_scale(group, nu);
  // The integrand falls as s^(−K+1) above the centre, and below as s^((K−1)ν) or faster.
  const double above = 19 / (k - 1), below = 16 / ((k - 1) * std::min(nu, 1.0)),
               step_r = std::min(widest_step_r, 0.6 / std::sqrt(k));
  const double reach = 1.4 + 12 / std::sqrt(k), step_v = std::min(widest_step_v, 1 / std::sqrt(k));
  const auto count = std::min(most_nodes_v, static_cast<std::size_t>(2 * reach / step_v) + 1);

  const double root = 1 / std::sqrt(nu);
  std::array<double, most_nodes_v> product_memory{}, nodes{};  // the nodes divided by √ν
  const std::span<double> products(product_memory.data(), count);
  const double first_v = -0.5 * step_v * static_cast<double>(count - 1);
  for (std::size_t i = 0; i < count; ++i) nodes[i] = root * (first_v + step_v * static_cast<double>(i));
  // log of the integrand without its constant, −power·log P − (K − 1)r, relative to its value at the centre
  double reference = 0;
  double total = 0, by_location = 0, by_log_scale = 0;
  const auto row = [&](double r, bool refer) {
    const double inverse = std::exp(-r);
    std::fill(products.begin(), products.end(), 1.0);
    for (std::size_t b = 0; b < group.count; ++b) {
      const double z = group.y[b] * inverse * root;
      for (std::size_t i = 0; i < count; ++i) products[i] *= 1 + (z - nodes[i]) * (z - nodes[i]);
    }
    if (refer) {
      reference = -power * std::log(*std::min_element(products.begin(), products.end())) - (k - 1) * r;
      return;
    }
    const double most = std::exp((negligible - reference - (k - 1) * r) / power);
    const double scale = 1 / inverse;
    for (std::size_t i = 0; i < count; ++i) {
      if (products[i] > most) continue;
      const double value = std::exp(-power * std::log(products[i]) - (k - 1) * r - reference);
      total += value;
      by_location += value * scale * (first_v + step_v * static_cast<double>(i));
      by_log_scale += value * (r - centre);
    }
  };
  row(centre, true);
  const auto first = -static_cast<long>(std::ceil(below / step_r)), last = static_cast<long>(std::ceil(above / step_r));
  for (long i = first; i <= last; ++i) row(centre + step_r * static_cast<double>(i), false);
  return {std::log(total * step_v * step_r) + reference + k * std::log(0.5 * sign_mean_slope(nu, 0)),
          by_location / total, centre + by_log_scale / total};
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

constexpr double weight_step = 1e-3;

/// Scores at a weight: their mean, and Student's statistic of "their mean is zero".
struct ScoreTest {
  double mean = 0;
  double statistic = 0;
};

}  // namespace

bool is_usable_group(std::span<const double> values) {
  for (std::size_t b = 0; b < values.size(); ++b) {
    if (!std::isfinite(values[b])) return false;
    for (std::size_t a = 0; a < b; ++a) {
      if (values[a] == values[b]) return false;
    }
  }
  return true;
}

double configuration_log_likelihood(std::span<const double> values, double nu) {
  require_tail_index(nu);
  return integrate(standardise(values), nu).log_value;
}

GroupEstimate estimate_group(std::span<const double> values, double nu) {
  require_tail_index(nu);
  const auto group = standardise(values);
  const auto integral = integrate(group, nu);
  return {group.centre + group.unit * integral.location, std::log(group.unit) + integral.log_scale};
}

void cluster_scores(const ClusterLikelihoods& likelihoods, double weight, std::span<double> out) {
  std::vector<double> low(out.size()), middle(out.size());
  const double h = weight_step;
  if (weight >= h) {
    likelihoods(tail_index(weight - h), low);
    likelihoods(tail_index(weight + h), out);
    for (std::size_t c = 0; c < out.size(); ++c) out[c] = (out[c] - low[c]) / (2 * h);
    return;
  }
  likelihoods(tail_index(weight), low);
  likelihoods(tail_index(weight + h), middle);
  likelihoods(tail_index(weight + 2 * h), out);
  for (std::size_t c = 0; c < out.size(); ++c) out[c] = (4 * middle[c] - 3 * low[c] - out[c]) / (2 * h);
}

double cluster_quantile(std::size_t clusters, double level) {
  TERSEGRAD_CHECK(clusters >= 2, "an interval needs at least 2 independent clusters (there is ", clusters, ")");
  TERSEGRAD_CHECK(level > 0 && level < 1, "level is '", level, "' (an interval's level must be between 0 and 1)");
  return quantile(boost::math::students_t(static_cast<double>(clusters - 1)), 0.5 + 0.5 * level);
}

ClusterTail estimate_tail(const ClusterLikelihoods& likelihoods, std::size_t clusters, double level) {
  const double z = cluster_quantile(clusters, level);
  std::vector<double> scores(clusters);
  const auto test = [&](double u) {
    cluster_scores(likelihoods, u, scores);
    ScoreTest result;
    result.mean = mean_of(scores);
    double squares = 0;
    for (const double score : scores) squares += (score - result.mean) * (score - result.mean);
    const auto c = static_cast<double>(clusters);
    result.statistic = result.mean / std::sqrt(squares / (c - 1) / c);
    return result;
  };
  const auto solve = [&](double low, double high, auto&& at, double at_low, double at_high) {
    std::uintmax_t rounds = 60;
    const auto near = [](double a, double b) { return std::abs(a - b) < 1e-4; };
    const auto bracket = boost::math::tools::toms748_solve(at, low, high, at_low, at_high, near, rounds);
    return 0.5 * (bracket.first + bracket.second);
  };

  const ScoreTest light = test(0), heavy = test(heaviest_weight);
  ClusterTail found;
  if (light.mean <= 0) {
    found.weight = 0;
  } else if (heavy.mean >= 0) {
    found.weight = heaviest_weight;
  } else {
    found.weight = solve(0.0, heaviest_weight, [&](double u) { return test(u).mean; }, light.mean, heavy.mean);
  }
  const double u = found.weight;
  found.tail.nu = tail_index(u);

  const double here = test(u).statistic;
  if (light.statistic <= z) {
    found.tail.nu_high = tail_index(0);
  } else {
    found.tail.nu_high = here >= z ? found.tail.nu
                                   : tail_index(solve(0.0, u, [&](double v) { return test(v).statistic - z; },
                                                      light.statistic - z, here - z));
  }
  if (heavy.statistic >= -z) {
    found.tail.nu_low = 0;
  } else {
    found.tail.nu_low =
        here <= -z
            ? found.tail.nu
            : tail_index(solve(
                  u, heaviest_weight, [&](double v) { return test(v).statistic + z; }, here + z, heavy.statistic + z));
  }
  const double ahead = test(u + 10 * weight_step).mean, behind = test(std::max(0.0, u - 10 * weight_step)).mean;
  found.curvature = (behind - ahead) / (std::min(u, 10 * weight_step) + 10 * weight_step);
  return found;
}

}  // namespace tersegrad
