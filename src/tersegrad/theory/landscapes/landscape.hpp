// Analytic objectives: the paper's quadratic, Rosenbrock's function and the embedded saddle, R replicas at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/registry.hpp"

namespace tersegrad {

/// What the theorems ask of an objective.
struct LandscapeConstants {
  double smoothness = 0;  ///< L: largest |eigenvalue| of the Hessian
  double convexity = 0;   ///< µ of strong convexity: smallest eigenvalue of the Hessian (≤ 0: not strongly convex)
  double pl = 0;          ///< µ of Polyak–Łojasiewicz, ½‖∇f‖² ≥ µ(f − f*); 0: none
  double trace = 0;       ///< L_τ: Tr ∇²f
  double minimum = 0;     ///< f* (−∞: unbounded below)
  bool global = false;    ///< true: hold everywhere; false: of the Hessian at the minimiser only (no global L exists)
};

/// An objective f: R^dim → R with its exact gradient. Members are immutable.
///
/// Vectors hold R replicas one behind the other (core/layout.hpp): x and the gradient have R·dim entries, the
/// values R. The float32 overloads are for the trainer's agents: computed in float64, rounded once.
class Landscape {
 public:
  static constexpr const char* family = "landscape";
  virtual ~Landscape() = default;

  /// Canonical spelling, e.g. "quadratic:2,1x9".
  virtual std::string name() const = 0;
  virtual std::int64_t dim() const = 0;
  virtual LandscapeConstants constants() const = 0;
  /// A minimiser [dim].
  virtual std::vector<double> minimiser() const = 0;
  /// Where runs start unless told otherwise [dim].
  virtual std::vector<double> start() const = 0;
  /// The diagonal of H if f = ½xᵀHx with diagonal H, otherwise empty: what the stationary laws take.
  virtual std::vector<double> curvature() const { return {}; }

  /// f of each replica. \param x [R·dim]  \param f [R]
  virtual void values(std::span<const double> x, std::span<double> f) const = 0;
  virtual void values(std::span<const float> x, std::span<double> f) const = 0;
  /// ∇f of each replica. \param x, gradient [R·dim]
  virtual void gradient(std::span<const double> x, std::span<double> gradient) const = 0;
  virtual void gradient(std::span<const float> x, std::span<float> gradient) const = 0;
};

using LandscapeRegistry = Registry<Landscape>;

/// Writes the four virtual functions of a member from two templates of its own:
/// `double value_at(const T* x) const` and `void gradient_at(const T* x, T* gradient) const`, of one replica.
template <class Member>
class LandscapeOf : public Landscape {
 public:
  void values(std::span<const double> x, std::span<double> f) const override { each_value(x, f); }
  void values(std::span<const float> x, std::span<double> f) const override { each_value(x, f); }
  void gradient(std::span<const double> x, std::span<double> g) const override { each_gradient(x, g); }
  void gradient(std::span<const float> x, std::span<float> g) const override { each_gradient(x, g); }

 private:
  const Member& member() const { return static_cast<const Member&>(*this); }
  template <class T>
  void each_value(std::span<const T> x, std::span<double> f) const {
    const auto d = static_cast<std::size_t>(this->dim());
    for (std::size_t r = 0; r < f.size(); ++r) f[r] = member().value_at(x.data() + r * d);
  }
  template <class T>
  void each_gradient(std::span<const T> x, std::span<T> g) const {
    const auto d = static_cast<std::size_t>(this->dim());
    for (std::size_t at = 0; at + d <= x.size(); at += d) member().gradient_at(x.data() + at, g.data() + at);
  }
};

}  // namespace tersegrad
