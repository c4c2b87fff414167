// Statistical comparisons: tolerances from the standard error, so that a test states how often chance alone fails it.
#pragma once

#include <gtest/gtest.h>

#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <cstddef>
#include <span>

namespace tersegrad {

/// z at which chance alone fails one of `comparisons` two-sided comparisons with probability 1e-6 in all.
inline double z_value(double comparisons) { return std::sqrt(2.0) * boost::math::erfc_inv(1e-6 / comparisons); }

/// Mean of a sample with its standard error.
struct Estimate {
  double mean = 0;
  double error = 0;
  std::size_t count = 0;
};

inline Estimate estimate(std::span<const double> sample) {
  Estimate e;
  e.count = sample.size();
  const auto n = static_cast<double>(sample.size());
  for (const double x : sample) e.mean += x / n;
  double square = 0;
  for (const double x : sample) square += (x - e.mean) * (x - e.mean);
  e.error = std::sqrt(square / (n - 1) / n);
  return e;
}

/// |estimate − truth| ≤ z·SE + slack.
inline void expect_matches(const Estimate& e, double truth, double z, double slack = 0) {
  EXPECT_LE(std::abs(e.mean - truth), z * e.error + slack)
      << "mean " << e.mean << ", truth " << truth << ", SE " << e.error << ", z " << z << ", slack " << slack << ", n "
      << e.count << ", off by " << (e.mean - truth) / e.error << " SE";
}

}  // namespace tersegrad
