// The landscapes: gradients against differences, constants against what they claim.
#include "tersegrad/theory/landscapes/landscape.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

std::unique_ptr<Landscape> make(const std::string& spec) { return LandscapeRegistry::instance().make(spec); }

const std::vector<std::string>& specs() {
  static const std::vector<std::string> all = {
      "quadratic",          "quadratic:2,1x9", "quadratic:condition=100,dim=7,mu=0.5",
      "quadratic:1,-2,0",   "quadratic:3",     "rosenbrock",
      "rosenbrock:a=2,b=5", "saddle",          "saddle:lambda=0.5,xi=2"};
  return all;
}

std::vector<double> random_points(std::size_t count, std::uint64_t seed) {
  Sequence random({seed, Purpose::test, 0, 0});
  std::vector<double> x(count);
  for (double& value : x) value = 4 * random.uniform() - 2;
  return x;
}

double value(const Landscape& f, const std::vector<double>& x) {
  double v = 0;
  f.values(x, std::span(&v, 1));
  return v;
}

TEST(Landscape, GradientIsTheDerivative) {
  for (const auto& spec : specs()) {
    SCOPED_TRACE(spec);
    const auto f = make(spec);
    const auto d = static_cast<std::size_t>(f->dim());
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto x = random_points(d, seed);
      std::vector<double> gradient(d);
      f->gradient(x, gradient);
      for (std::size_t j = 0; j < d; ++j) {
        const double h = 1e-4;
        auto up = x, down = x, up2 = x, down2 = x;
        up[j] += h, down[j] -= h, up2[j] += 2 * h, down2[j] -= 2 * h;
        // Fourth order: exact for these polynomials (degree ≤ 4), up to rounding of the values (≤ 1e4) over h.
        const double slope = (8 * (value(*f, up) - value(*f, down)) - (value(*f, up2) - value(*f, down2))) / (12 * h);
        EXPECT_NEAR(gradient[j], slope, 1e-7 * (1 + std::abs(gradient[j])));
      }
    }
  }
}

TEST(Landscape, ReplicasAreIndependentCopies) {
  for (const auto& spec : specs()) {
    SCOPED_TRACE(spec);
    const auto f = make(spec);
    const auto d = static_cast<std::size_t>(f->dim());
    const std::size_t replicas = 13;
    const auto x = random_points(d * replicas, 3);
    std::vector<double> values(replicas), gradient(x.size()), one(d);
    f->values(x, values);
    f->gradient(x, gradient);
    for (std::size_t r = 0; r < replicas; ++r) {
      const std::vector<double> part(x.begin() + static_cast<std::ptrdiff_t>(r * d),
                                     x.begin() + static_cast<std::ptrdiff_t>((r + 1) * d));
      EXPECT_EQ(values[r], value(*f, part));
      f->gradient(part, one);
      for (std::size_t j = 0; j < d; ++j) EXPECT_EQ(one[j], gradient[r * d + j]);
    }
  }
}

TEST(Landscape, FloatGradientIsTheDoubleOneRounded) {
  for (const auto& spec : specs()) {
    const auto f = make(spec);
    const auto points = random_points(static_cast<std::size_t>(f->dim()) * 5, 11);
    const std::vector<float> x(points.begin(), points.end());
    const std::vector<double> exact(x.begin(), x.end());
    std::vector<float> g(x.size());
    std::vector<double> truth(x.size()), values(5), values_truth(5);
    f->gradient(x, g);
    f->gradient(exact, truth);
    f->values(x, values);
    f->values(exact, values_truth);
    for (std::size_t j = 0; j < g.size(); ++j) EXPECT_EQ(g[j], static_cast<float>(truth[j])) << spec;
    EXPECT_EQ(values, values_truth) << spec;
  }
}

/// Hessian by differences of the exact gradient.
std::vector<double> hessian(const Landscape& f, const std::vector<double>& x) {
  const std::size_t d = x.size();
  std::vector<double> h(d * d), up(d), down(d);
  for (std::size_t j = 0; j < d; ++j) {
    auto a = x, b = x;
    a[j] += 1e-5, b[j] -= 1e-5;
    f.gradient(a, up);
    f.gradient(b, down);
    for (std::size_t l = 0; l < d; ++l) h[l * d + j] = (up[l] - down[l]) / 2e-5;
  }
  return h;
}

TEST(Landscape, ConstantsHoldAtTheMinimiser) {
  for (const auto& spec : specs()) {
    SCOPED_TRACE(spec);
    const auto f = make(spec);
    const auto c = f->constants();
    const auto x = f->minimiser();
    const auto h = hessian(*f, x);
    const std::size_t d = x.size();
    double trace = 0;
    for (std::size_t j = 0; j < d; ++j) trace += h[j * d + j];
    EXPECT_NEAR(trace, c.trace, 1e-6 * (1 + std::abs(c.trace)));
    if (d == 2 && c.convexity > 0) {  // the eigenvalues of a 2 × 2 matrix are known by their sum and product
      const double determinant = h[0] * h[3] - h[1] * h[2];
      EXPECT_NEAR(c.convexity + c.smoothness, trace, 1e-6 * trace);
      EXPECT_NEAR(c.smoothness * c.convexity, determinant, 1e-5 * determinant);
    }
    if (std::isfinite(c.minimum)) {
      EXPECT_NEAR(value(*f, x), c.minimum, 1e-12);
      std::vector<double> gradient(d);
      f->gradient(x, gradient);
      for (const double g : gradient) EXPECT_NEAR(g, 0, 1e-12);
      for (std::uint64_t seed = 0; seed < 300; ++seed) EXPECT_GE(value(*f, random_points(d, seed)), c.minimum - 1e-12);
    }
  }
}

TEST(Landscape, QuadraticsConstantsAreGlobal) {
  for (const auto& spec : specs()) {
    const auto f = make(spec);
    const auto c = f->constants();
    EXPECT_EQ(c.global, spec.starts_with("quadratic"));
    if (!c.global || c.convexity <= 0) continue;
    const auto d = static_cast<std::size_t>(f->dim());
    std::vector<double> gradient(d);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const auto x = random_points(d, seed);
      f->gradient(x, gradient);
      const double square = std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0);
      EXPECT_GE(0.5 * square, c.pl * (value(*f, x) - c.minimum) * (1 - 1e-12)) << spec;      // PL
      EXPECT_LE(square, 2 * c.smoothness * (value(*f, x) - c.minimum) * (1 + 1e-12)) << spec;  // smoothness
    }
  }
  EXPECT_EQ(make("quadratic:1,-2,0")->constants().minimum, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(make("quadratic:1,-2,0")->constants().pl, 0);
  EXPECT_EQ(make("quadratic:4,2,0")->constants().pl, 2);
}

TEST(Landscape, SaddleHasThePapersMinimum) {  // F.1: minima of the second coordinate at 2 and −1, by hand
  const auto f = make("saddle");
  EXPECT_NEAR(f->minimiser()[0], 0, 1e-15);
  EXPECT_NEAR(f->minimiser()[1], 2, 1e-15);
  EXPECT_NEAR(f->constants().minimum, -8.0 / 3, 1e-14);
}

TEST(Landscape, SpellsAnyDiagonal) {
  EXPECT_EQ(make("quadratic:2,1x3,0.5")->curvature(), (std::vector<double>{2, 1, 1, 1, 0.5}));
  const auto spread = make("quadratic:condition=100,dim=3,mu=0.1")->curvature();
  ASSERT_EQ(spread.size(), 3u);
  EXPECT_DOUBLE_EQ(spread[0], 0.1);
  EXPECT_DOUBLE_EQ(spread[1], 1);
  EXPECT_DOUBLE_EQ(spread[2], 10);
  for (const auto& spec : specs()) EXPECT_EQ(make(make(spec)->name())->name(), make(spec)->name());
}

TEST(Landscape, RefusesWhatIsNone) {
  for (const auto* spec :
       {"quadratic:a", "quadratic:1x0", "quadratic:1x-3", "quadratic:x3", "quadratic:nan", "quadratic:inf",
        "quadratic:1,condition=2", "quadratic:dim=4", "quadratic:condition=0.5", "quadratic:kappa=3",
        "quadratic:condition=10,mu=-1", "quadratic:1x1e12", "rosenbrock:b=0", "saddle:lambda=-1", "valley"}) {
    EXPECT_THROW(make(spec), Error) << spec;
  }
}

}  // namespace
}  // namespace tersegrad
