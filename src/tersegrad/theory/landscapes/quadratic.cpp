// The quadratic landscape f(x) = ½ Σ λ_j x_j².
#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/text/text.hpp"
#include "tersegrad/theory/landscapes/landscape.hpp"

namespace tersegrad {
namespace {

class Quadratic final : public LandscapeOf<Quadratic> {
 public:
  Quadratic(std::vector<double> diagonal, std::string name) : diagonal_(std::move(diagonal)), name_(std::move(name)) {}

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return static_cast<std::int64_t>(diagonal_.size()); }
  std::vector<double> minimiser() const override { return std::vector<double>(diagonal_.size(), 0.0); }
  std::vector<double> start() const override { return std::vector<double>(diagonal_.size(), 1.0); }
  std::vector<double> curvature() const override { return diagonal_; }

  LandscapeConstants constants() const override {
    LandscapeConstants c;
    c.global = true;
    const auto [low, high] = std::minmax_element(diagonal_.begin(), diagonal_.end());
    c.smoothness = std::max(std::abs(*low), std::abs(*high));
    c.convexity = *low;
    for (const double lambda : diagonal_) c.trace += lambda;
    c.minimum = *low < 0 ? -std::numeric_limits<double>::infinity() : 0;
    if (*low >= 0 && *high > 0) {  // flat directions have no gradient and no loss: the smallest positive λ counts
      c.pl = *high;
      for (const double lambda : diagonal_) c.pl = lambda > 0 ? std::min(c.pl, lambda) : c.pl;
    }
    return c;
  }

  template <class T>
  double value_at(const T* x) const {
    double sum = 0;
    for (std::size_t j = 0; j < diagonal_.size(); ++j) {
      const double at = x[j];
      sum += diagonal_[j] * at * at;
    }
    return 0.5 * sum;
  }

  template <class T>
  void gradient_at(const T* x, T* gradient) const {
    for (std::size_t j = 0; j < diagonal_.size(); ++j)
      gradient[j] = static_cast<T>(diagonal_[j] * static_cast<double>(x[j]));
  }

 private:
  std::vector<double> diagonal_;
  std::string name_;
};

constexpr std::int64_t most_coordinates = 100'000'000;

/// "3" or "3x10" (ten times).
void append(std::vector<double>& diagonal, const std::string& piece, const std::string& spec) {
  const std::size_t cross = piece.find('x');
  double value = 0;
  std::int64_t count = 1;
  const bool good =
      parse_real(std::string_view(piece).substr(0, cross), value) && std::isfinite(value) &&
      (cross == std::string::npos || (parse_integer(std::string_view(piece).substr(cross + 1), count) && count >= 1));
  TERSEGRAD_CHECK(good, "entry '", piece, "' of landscape '", spec,
                  "' is no eigenvalue (write 2, or 1x9 for nine times 1)");
  TERSEGRAD_CHECK(count <= most_coordinates - static_cast<std::int64_t>(diagonal.size()), "landscape '", spec,
                  "' has more than ", most_coordinates, " coordinates");
  diagonal.insert(diagonal.end(), static_cast<std::size_t>(count), value);
}

/// dim eigenvalues, evenly spaced in their logarithms from `smallest` to `smallest`·`condition`.
std::vector<double> spread(std::int64_t dim, double condition, double smallest) {
  std::vector<double> diagonal(static_cast<std::size_t>(dim), smallest);
  for (std::int64_t j = 1; j < dim; ++j) {
    diagonal[static_cast<std::size_t>(j)] =
        smallest * std::pow(condition, static_cast<double>(j) / static_cast<double>(dim - 1));
  }
  return diagonal;
}

std::unique_ptr<Landscape> make(const Arguments& arguments) {
  const std::string& text = arguments.spec().text;
  const Spec inner = Spec::parse("quadratic:" + arguments.text("diagonal"));
  std::vector<double> diagonal;
  double condition = 0, smallest = 1;
  std::int64_t dim = 2;
  bool spread_out = false;
  for (const auto& [key, value] : inner.arguments) {
    if (key.empty()) {
      append(diagonal, value, text);
      continue;
    }
    spread_out = true;
    if (key == "condition") {
      TERSEGRAD_CHECK(parse_real(value, condition) && condition >= 1 && std::isfinite(condition), "condition is '",
                      value, "' in landscape '", text, "' (must be a number from 1)");
    } else if (key == "dim") {
      TERSEGRAD_CHECK(parse_integer(value, dim) && dim >= 2 && dim <= most_coordinates, "dim is '", value,
                      "' in landscape '", text, "' (must be a whole number from 2 to ", most_coordinates, ")");
    } else if (key == "mu") {
      TERSEGRAD_CHECK(parse_real(value, smallest) && smallest > 0 && std::isfinite(smallest), "mu is '", value,
                      "' in landscape '", text, "' (the smallest eigenvalue must be positive)");
    } else {
      throw Error(concat("unknown argument '", key, "' of landscape '", text, "' (known: condition, dim, mu)"));
    }
  }
  TERSEGRAD_CHECK(!spread_out || diagonal.empty(), "landscape '", text,
                  "' gives eigenvalues and condition/dim/mu (give one or the other)");
  TERSEGRAD_CHECK(!spread_out || condition >= 1, "landscape '", text, "' needs condition=… beside dim and mu");
  if (spread_out) diagonal = spread(dim, condition, smallest);
  std::string name = "quadratic:" + arguments.text("diagonal");
  return std::make_unique<Quadratic>(std::move(diagonal), std::move(name));
}

const Registration<Landscape> registration{
    "quadratic",
    "f = half the sum of lambda_j x_j^2 (quadratic:2,1x9; quadratic:condition=100,dim=10,mu=1)",
    {{"diagonal...", "1x2",
      "the eigenvalues, each a number or NUMBERxCOUNT; or condition=K,dim=D,mu=M: D values from M to K*M, evenly in "
      "their logarithms"}},
    make};

}  // namespace
}  // namespace tersegrad
