// Rosenbrock's valley f(x, y) = (a − x)² + b(y − x²)² (Appendix F.1: a = 1, b = 100).
#include <cmath>

#include "tersegrad/theory/landscapes/landscape.hpp"

namespace tersegrad {
namespace {

class Rosenbrock final : public LandscapeOf<Rosenbrock> {
 public:
  Rosenbrock(double a, double b, std::string name) : a_(a), b_(b), name_(std::move(name)) {}

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return 2; }
  std::vector<double> minimiser() const override { return {a_, a_ * a_}; }
  std::vector<double> start() const override { return {-1.2, 1.0}; }  // Rosenbrock's own

  /// Of the Hessian at (a, a²); a quartic has no global L, and along the valley ½‖∇f‖²/(f − f*) falls to 0: no PL.
  LandscapeConstants constants() const override {
    LandscapeConstants c;
    c.trace = 2 + 8 * b_ * a_ * a_ + 2 * b_;
    const double determinant = 4 * b_;  // (2 + 8ba²)·2b − (4ba)²
    const double root = std::sqrt(0.25 * c.trace * c.trace - determinant);
    c.smoothness = 0.5 * c.trace + root;
    c.convexity = determinant / c.smoothness;
    return c;
  }

  template <class T>
  double value_at(const T* x) const {
    const double u = a_ - static_cast<double>(x[0]);
    const double v = static_cast<double>(x[1]) - static_cast<double>(x[0]) * static_cast<double>(x[0]);
    return u * u + b_ * v * v;
  }

  template <class T>
  void gradient_at(const T* x, T* gradient) const {
    const double first = x[0];
    const double v = static_cast<double>(x[1]) - first * first;
    gradient[0] = static_cast<T>(-2 * (a_ - first) - 4 * b_ * first * v);
    gradient[1] = static_cast<T>(2 * b_ * v);
  }

 private:
  double a_;
  double b_;
  std::string name_;
};

const Registration<Landscape> registration{
    "rosenbrock",
    "Rosenbrock's valley (a - x)^2 + b(y - x^2)^2",
    {{"a", "1", "the minimiser is (a, a^2)"}, {"b", "100", "steepness of the valley's walls, above 0"}},
    [](const Arguments& arguments) -> std::unique_ptr<Landscape> {
      const double b = arguments.real("b", 1e-300, 1e300);
      return std::make_unique<Rosenbrock>(arguments.real("a", -1e150, 1e150), b, arguments.spec().text);
    }};

}  // namespace
}  // namespace tersegrad
