// Statistical checks of samplers, with thresholds derived from a false-alarm rate.
#pragma once

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/noise/noise.hpp"

namespace tersegrad::testing {

/// False-alarm rate of one comparison. The two programs make some 2000 of them, so a right sampler fails once in
/// 10⁵ sets of seeds; the seeds are fixed.
inline constexpr double false_alarm = 5e-9;
/// Two-sided normal quantile of that rate.
inline constexpr double z = 5.85;

inline std::unique_ptr<Noise> make_noise(const std::string& spec) { return NoiseRegistry::instance().make(spec); }

/// `count` draws of the noise with one stream.
inline std::vector<float> draw(const Noise& noise, std::size_t count, const StreamId& id) {
  std::vector<float> values(count, 0.0f);
  noise.add(Stream(id), 0, values, 1.0f);
  return values;
}

/// x with P(T > x) = p.
inline double student_upper_quantile(double nu, double p) {
  if (std::isinf(nu)) return boost::math::quantile(boost::math::complement(boost::math::normal(), p));
  return boost::math::quantile(boost::math::complement(boost::math::students_t(nu), p));
}

/// x with P(T ≤ x) = p.
inline double student_quantile(double nu, double p) {
  return p < 0.5 ? -student_upper_quantile(nu, p) : student_upper_quantile(nu, 1 - p);
}

/// √n·max |F_n − F| over a grid of 4096 quantiles: at most Kolmogorov–Smirnov's √n·D, and no smaller than it by more
/// than √n/4096. (The grid spares the distribution function at every value.)
/// \param values   in any order
/// \param quantile x with F(x) = p, for 0 < p < 1; F continuous
template <class Value, class Quantile>
double kolmogorov_smirnov(std::vector<Value> values, const Quantile& quantile) {
  constexpr int cells = 4096;
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double largest = 0;
  for (int i = 1; i < cells; ++i) {
    const double p = static_cast<double>(i) / cells;
    const auto below = std::lower_bound(values.begin(), values.end(), quantile(p)) - values.begin();
    largest = std::max(largest, std::abs(static_cast<double>(below) / n - p));
  }
  return std::sqrt(n) * largest;
}

/// What √n·D exceeds with probability `rate` if the law is right: P → 2·exp(−2x²), an upper bound (Massart 1990).
inline double kolmogorov_smirnov_limit(double rate = false_alarm) { return std::sqrt(std::log(2 / rate) / 2); }

/// Probability of a count as unlikely as `count` or more on its side, ×2, if each of n events has probability p.
inline double binomial_p_value(std::size_t count, std::size_t n, double p) {
  const boost::math::binomial law(static_cast<double>(n), p);
  const auto k = static_cast<double>(count);
  const double below = boost::math::cdf(law, k);
  const double above = count == 0 ? 1 : boost::math::cdf(boost::math::complement(law, k - 1));
  return std::min(1.0, 2 * std::min(below, above));
}

/// Σ a_i·b_i/√n of two samples of fair signs: N(0, 1) to the binomial's accuracy if they are independent.
inline double sign_correlation(std::span<const int> a, std::span<const int> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum / std::sqrt(static_cast<double>(a.size()));
}

}  // namespace tersegrad::testing
