#include "tersegrad/theory/sde/sign_response.hpp"

#include <algorithm>
#include <numbers>

#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {
namespace {

/// 2Ξ''_ν(x), from 2Ξ'_ν ∝ (1 + x²/ν)^(−(ν+1)/2).
double curvature(double nu, double x) { return -sign_mean_slope(nu, x) * (nu + 1) * x / (nu + x * x); }

}  // namespace

SignResponse::SignResponse(double nu) : nu_(nu) {
  require_tail_index(nu);
  form_ = nu == 1 ? Form::cauchy : nu == 2 ? Form::two : nu > 1e16 ? Form::gaussian : Form::table;
  if (form_ != Form::table) return;

  // The density's core is √ν wide where ν < 1, and the error of a cell goes with (step / width)^6.
  const double width = std::sqrt(std::min(nu, 1.0));
  const int count = 1024;
  reach_ = 16 * width;
  const double step = reach_ / count;
  inverse_step_ = 1 / step;
  cells_.resize(count + 1);  // one to spare: |y| just below reach_ may round up to cell `count`
  for (int i = 0; i <= count; ++i) {
    const double a = i * step, b = (i + 1) * step;
    const double f0 = sign_mean(nu, a), f1 = sign_mean(nu, b);
    const double d0 = step * sign_mean_slope(nu, a), d1 = step * sign_mean_slope(nu, b);
    const double s0 = step * step * curvature(nu, a), s1 = step * step * curvature(nu, b);
    const double rise = f1 - f0;
    cells_[static_cast<std::size_t>(i)] = {f0,
                                           d0,
                                           0.5 * s0,
                                           10 * rise - 6 * d0 - 4 * d1 - 1.5 * s0 + 0.5 * s1,
                                           -15 * rise + 8 * d0 + 7 * d1 + 1.5 * s0 - s1,
                                           6 * rise - 3 * d0 - 3 * d1 - 0.5 * s0 + 0.5 * s1};
  }

  has_tail_ = nu <= 64;
  if (!has_tail_) return;
  inverse_root_nu_ = 1 / std::sqrt(nu);
  const double largest = nu / (reach_ * reach_);  // of 1/r²; G is singular at −1, far from [0, largest ≤ ¼]
  tail_scale_ = 2 / largest;
  std::array<double, tail_terms> values{};
  for (int i = 0; i < tail_terms; ++i) {
    const double node = std::cos(std::numbers::pi * (i + 0.5) / tail_terms);
    const double r = 1 / std::sqrt(0.5 * (node + 1) * largest);
    values[static_cast<std::size_t>(i)] = sign_mean_tail(nu, r * std::sqrt(nu)) * std::exp(nu * std::log(r));
  }
  for (int k = 0; k < tail_terms; ++k) {
    double sum = 0;
    for (int i = 0; i < tail_terms; ++i) {
      sum += values[static_cast<std::size_t>(i)] * std::cos(std::numbers::pi * k * (i + 0.5) / tail_terms);
    }
    tail_[static_cast<std::size_t>(k)] = (k == 0 ? 1.0 : 2.0) / tail_terms * sum;
  }
}

double SignResponse::tail(double size) const {
  const double r = size * inverse_root_nu_;
  const double u = tail_scale_ / (r * r) - 1;
  double ahead = 0, here = 0;  // Clenshaw
  for (int k = tail_terms - 1; k > 0; --k) {
    const double next = 2 * u * here - ahead + tail_[static_cast<std::size_t>(k)];
    ahead = here;
    here = next;
  }
  return std::exp(-nu_ * std::log(r)) * (u * here - ahead + tail_[0]);
}

}  // namespace tersegrad
