// The embedded saddle of Appendix F.1: f(x) = ½xᵀHx + ¼λ Σ x_i⁴ − ⅓ξ Σ x_i³, H = diag(1, −2), λ = ξ = 1.
#include <cmath>

#include "tersegrad/theory/landscapes/landscape.hpp"

namespace tersegrad {
namespace {

constexpr double h[2] = {1, -2};

class Saddle final : public LandscapeOf<Saddle> {
 public:
  Saddle(double lambda, double xi, std::string name) : lambda_(lambda), xi_(xi), name_(std::move(name)) {}

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return 2; }
  /// On the unstable slope beside the saddle point at the origin.
  std::vector<double> start() const override { return {1.0, 0.1}; }

  /// The coordinates separate; in each, f' = x(λx² − ξx + h) vanishes at 0 and (ξ ± √(ξ² − 4λh))/(2λ).
  std::vector<double> minimiser() const override {
    std::vector<double> best = {0, 0};
    for (std::size_t j = 0; j < 2; ++j) {
      const double discriminant = xi_ * xi_ - 4 * lambda_ * h[j];
      if (discriminant < 0) continue;
      for (const double root : {std::sqrt(discriminant), -std::sqrt(discriminant)}) {
        const double x = (xi_ + root) / (2 * lambda_);
        if (part(j, x) < part(j, best[j])) best[j] = x;
      }
    }
    return best;
  }

  /// Of the Hessian at the minimiser; a quartic has no global L.
  LandscapeConstants constants() const override {
    const auto x = minimiser();
    LandscapeConstants c;
    double bend[2];
    for (std::size_t j = 0; j < 2; ++j) bend[j] = h[j] + 3 * lambda_ * x[j] * x[j] - 2 * xi_ * x[j];
    c.smoothness = std::max(bend[0], bend[1]);
    c.convexity = std::min(bend[0], bend[1]);
    c.trace = bend[0] + bend[1];
    c.minimum = value_at(x.data());
    return c;
  }

  template <class T>
  double value_at(const T* x) const {
    return part(0, static_cast<double>(x[0])) + part(1, static_cast<double>(x[1]));
  }

  template <class T>
  void gradient_at(const T* x, T* gradient) const {
    for (std::size_t j = 0; j < 2; ++j) {
      const double at = x[j];
      gradient[j] = static_cast<T>(at * (h[j] + at * (lambda_ * at - xi_)));
    }
  }

 private:
  double part(std::size_t j, double x) const {
    return x * x * (0.5 * h[j] + x * (0.25 * lambda_ * x - xi_ / 3));
  }
  double lambda_;
  double xi_;
  std::string name_;
};

const Registration<Landscape> registration{
    "saddle",
    "the embedded saddle: half x'diag(1,-2)x + lambda/4 sum x^4 - xi/3 sum x^3",
    {{"lambda", "1", "weight of the quartic that bounds it below, above 0"}, {"xi", "1", "weight of the cubic"}},
    [](const Arguments& arguments) -> std::unique_ptr<Landscape> {
      const double lambda = arguments.real("lambda", 1e-100, 1e100);
      return std::make_unique<Saddle>(lambda, arguments.real("xi", -1e100, 1e100), arguments.spec().text);
    }};

}  // namespace
}  // namespace tersegrad
