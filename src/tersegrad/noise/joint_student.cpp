// Noise "joint-student": the multivariate t, one χ² for all coordinates of an agent's step (of a replica's).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "tersegrad/noise/draw.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/noise/scales.hpp"

namespace tersegrad {
namespace {

/// Uniform on (0, 1) from two words.
double uniform(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 11;
  return (static_cast<double>(bits) + 0.5) * 0x1p-53;
}

/// √(ν/χ²_ν) of one replica, in double: χ²_ν = 2·Gamma(ν/2), Marsaglia & Tsang (2000).
///
/// The words come from blocks that no coordinate reaches: attempt a of replica r has the two blocks
/// 2^47 + 2^40·a + 2r and the next one. An attempt fails with probability < 0.05, so the 128 that there is room for are
/// never used up (10⁻¹⁶⁶).
double shared_factor(const Stream& stream, double nu, std::int64_t replica) {
  if (std::isinf(nu)) return 1;
  // Below shape 1: Gamma(a) = Gamma(a + 1)·U^(1/a).
  const double shape = nu / 2;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (std::uint64_t attempt = 0; attempt < 128; ++attempt) {
    const std::uint64_t block = (std::uint64_t{1} << 47) + (attempt << 40) + 2 * static_cast<std::uint64_t>(replica);
    const auto words = stream.block(block);
    const auto more = stream.block(block + 1);
    const double normal = std::sqrt(-2 * std::log(uniform(words[0], words[1]))) *
                          std::cos(2 * std::numbers::pi * uniform(words[2], words[3]));
    const double u = uniform(more[0], more[1]);
    const double root = 1 + c * normal;
    const double v = root * root * root;
    if (root <= 0 || std::log(u) >= normal * normal / 2 + d - d * v + d * std::log(v)) continue;
    // The second half of this block boosts; the first only decided.
    const double boost = shape < 1 ? std::pow(uniform(more[2], more[3]), -1 / nu) : 1;  // U^(−1/(2a)), inf if it must
    return std::sqrt(shape / (d * v)) * boost;
  }
  return std::sqrt(shape / d);  // not reached
}

/// Z = W·(σ_j·G_j), W = √(ν/χ²_ν) shared by all coordinates of one agent and step, G_j independent N(0, 1): each
/// coordinate is σ_j·t_ν, all are large together, and the direction is that of Gaussian noise. With replicas, one W for
/// each. Infinite where the product exceeds the largest float.
class JointStudent final : public Noise {
 public:
  JointStudent(double nu, Scales scales, std::int64_t dim) : nu_(nu), scales_(std::move(scales)), dim_(dim) {}

  std::string name() const override { return "joint-student:" + spell(nu_) + ":" + scales_.spelling(); }

  void add(const Stream& stream, std::int64_t first, std::span<float> values, float scale) const override {
    scales_.for_each_run(first, values, scale, [&](auto at, auto run, auto factor, auto profile) {
      if (std::isinf(nu_)) {
        add_gaussian(stream, at, run, factor, profile);
      } else {
        add_joint(stream, at, run, factor, profile);
      }
    });
  }

  std::unique_ptr<Noise> replicated(std::int64_t dim) const override {
    return std::make_unique<JointStudent>(nu_, scales_.replicated(dim), dim);
  }
  double sigma() const override { return scales_.sigma; }
  double sigma_at(std::int64_t coordinate) const override { return scales_.at(coordinate); }
  double nu() const override { return nu_; }
  bool has_independent_coordinates() const override { return false; }

 private:
  void add_joint(const Stream& stream, std::int64_t first, std::span<float> values, float factor,
                 std::span<const float> profile) const {
    std::int64_t replica = dim_ == 0 ? 0 : first / dim_;
    std::int64_t left = dim_ == 0 ? std::numeric_limits<std::int64_t>::max() : dim_ - first % dim_;
    double shared = factor * shared_factor(stream, nu_, replica);
    if (dim_ == 0 && profile.empty() && shared <= std::numeric_limits<float>::max()) {
      add_gaussian(stream, first, values, static_cast<float>(shared));
      return;
    }
    std::array<float, 1024> scales;
    for (std::size_t i = 0; i < values.size(); i += scales.size()) {
      const auto run = values.subspan(i, std::min(scales.size(), values.size() - i));
      for (std::size_t k = 0; k < run.size(); ++k) {
        if (left == 0) {
          shared = factor * shared_factor(stream, nu_, ++replica);
          left = dim_;
        }
        --left;
        const float relative = profile.empty() ? 1.0f : profile[i + k];
        scales[k] = relative == 0 ? 0.0f : static_cast<float>(shared * relative);  // not 0 · inf
      }
      const auto of_run = std::span<const float>(scales).first(run.size());
      add_gaussian(stream, first + static_cast<std::int64_t>(i), run, 1.0f, of_run);
    }
  }

  double nu_;
  Scales scales_;
  std::int64_t dim_;  ///< coordinates of one replica; 0: there is one
};

const Registration<Noise> registration{
    "joint-student", "multivariate t: one chi-square for all coordinates of an agent's step",
    scale_parameters({{"nu", "", "degrees of freedom (tail index), > 0; inf: Gaussian"}}),
    [](const Arguments& arguments) {
      return std::make_unique<JointStudent>(read_nu(arguments), Scales::from(arguments), 0);
    }};

}  // namespace
}  // namespace tersegrad
