#include "tersegrad/theory/student/noise_scales.hpp"

#include <algorithm>
#include <cmath>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {
namespace {

/// Mean of f over the rows.
template <class Rows, class Function>
double mean_over(const Rows& rows, Function f) {
  double sum = 0;
  for (const auto& row : rows) sum += f(row);
  return sum / static_cast<double>(rows.size());
}

}  // namespace

NoiseScales::NoiseScales(double nu, std::vector<std::vector<double>> scales) : nu_(nu), scales_(std::move(scales)) {
  require_tail_index(nu);
  TERSEGRAD_CHECK(!scales_.empty() && !scales_.front().empty(), "no noise scale is given (0 means no noise)");
  for (const auto& row : scales_) {
    TERSEGRAD_CHECK(row.size() == scales_.front().size(), "agents have noise scales for ", row.size(), " and ",
                    scales_.front().size(), " coordinates (give each agent as many)");
    for (const double sigma : row) {
      TERSEGRAD_CHECK(sigma >= 0 && std::isfinite(sigma), "noise scale sigma is '", sigma,
                      "' (must be a finite number from 0)");
    }
  }
}

double NoiseScales::scale(std::int64_t agent, std::int64_t coordinate) const {
  const auto& row = scales_[scales_.size() == 1 ? 0 : static_cast<std::size_t>(agent)];
  return row[row.size() == 1 ? 0 : static_cast<std::size_t>(coordinate)];
}

double NoiseScales::mean_variance(std::int64_t coordinate) const {
  const auto column = columns() == 1 ? std::size_t{0} : static_cast<std::size_t>(coordinate);
  const double square = mean_over(scales_, [column](const auto& row) { return row[column] * row[column]; });
  if (square == 0) return 0;
  TERSEGRAD_CHECK(nu_ > 2, "noise with nu = ", nu_,
                  " has no variance (DSGD and DCSGD diverge under it; only sign compression is defined: use nu > 2)");
  return square * student_variance(nu_);
}

double NoiseScales::mean_inverse(std::int64_t coordinate) const {
  const auto column = columns() == 1 ? std::size_t{0} : static_cast<std::size_t>(coordinate);
  return mean_over(scales_, [column](const auto& row) { return 1 / row[column]; });
}

double NoiseScales::mean_inverse_square(std::int64_t coordinate) const {
  const auto column = columns() == 1 ? std::size_t{0} : static_cast<std::size_t>(coordinate);
  return mean_over(scales_, [column](const auto& row) { return 1 / (row[column] * row[column]); });
}

double NoiseScales::mean_trace(std::int64_t dim) const {
  if (columns() == 1) return static_cast<double>(dim) * mean_variance(0);
  double sum = 0;
  for (std::int64_t j = 0; j < dim; ++j) sum += mean_variance(j);
  return sum;
}

double NoiseScales::harmonic_mean() const {
  return 1 / mean_over(scales_, [](const auto& row) { return 1 / *std::max_element(row.begin(), row.end()); });
}

double NoiseScales::harmonic_mean_square() const {
  return 1 / mean_over(scales_, [](const auto& row) {
           const double largest = *std::max_element(row.begin(), row.end());
           return 1 / (largest * largest);
         });
}

void NoiseScales::require_fit(std::int64_t agents, std::int64_t dim) const {
  TERSEGRAD_CHECK(rows() == 1 || rows() == agents, "noise scales for ", rows(), " agents, but there are ", agents,
                  " (give one row, or one for each agent)");
  TERSEGRAD_CHECK(columns() == 1 || columns() == dim, "noise scales for ", columns(),
                  " coordinates, but the objective has ", dim, " (give one scale, or one for each coordinate)");
}

}  // namespace tersegrad
