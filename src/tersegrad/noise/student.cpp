// Noise "student": Z_j = σ_j·t_ν, independent coordinates.
#include <cmath>

#include "tersegrad/noise/draw.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/noise/scales.hpp"

namespace tersegrad {
namespace {

/// Z_j = σ_j·t_ν, density ∝ (1 + z²/(νσ²))^(−(ν+1)/2): no mean for ν ≤ 1, no variance for ν ≤ 2, else variance
/// σ²ν/(ν − 2). Accuracy and tail: add_student. ν = inf draws the very numbers of "gaussian".
class Student final : public Noise {
 public:
  Student(double nu, Scales scales) : nu_(nu), scales_(std::move(scales)) {}

  std::string name() const override { return "student:" + spell(nu_) + ":" + scales_.spelling(); }

  void add(const Stream& stream, std::int64_t first, std::span<float> values, float scale) const override {
    scales_.for_each_run(first, values, scale, [&](auto at, auto run, auto factor, auto profile) {
      if (std::isinf(nu_)) {
        add_gaussian(stream, at, run, factor, profile);
      } else {
        add_student(stream, at, run, factor, nu_, profile);
      }
    });
  }

  std::unique_ptr<Noise> replicated(std::int64_t dim) const override {
    return std::make_unique<Student>(nu_, scales_.replicated(dim));
  }
  double sigma() const override { return scales_.sigma; }
  double sigma_at(std::int64_t coordinate) const override { return scales_.at(coordinate); }
  double nu() const override { return nu_; }

 private:
  double nu_;
  Scales scales_;
};

const Registration<Noise> registration{
    "student", "Student's t with nu degrees of freedom and scale sigma, independent coordinates",
    scale_parameters({{"nu", "", "degrees of freedom (tail index), > 0; inf: Gaussian"}}),
    [](const Arguments& arguments) {
      return std::make_unique<Student>(read_nu(arguments), Scales::from(arguments));
    }};

}  // namespace
}  // namespace tersegrad
