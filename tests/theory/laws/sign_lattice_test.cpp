// DSignSGD's exact law: against every path that a few agents can take, the algorithm itself, and the SDE's limit.
#include "tersegrad/theory/laws/sign_lattice.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/student/student_constants.hpp"
#include "theory/sde/simulation.hpp"
#include "theory/statistics.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// E x_k and E x_k² by recursion over every pattern of the agents' signs.
void enumerate(const std::vector<double>& sigma, double nu, double lambda, double lr, double x, double probability,
               int steps, double& mean, double& second) {
  if (steps == 0) {
    mean += probability * x;
    second += probability * x * x;
    return;
  }
  for (unsigned pattern = 0; pattern < (1u << sigma.size()); ++pattern) {
    double p = probability, sum = 0;
    for (std::size_t i = 0; i < sigma.size(); ++i) {
      const double h = sign_mean(nu, lambda * x / sigma[i]);
      const int sign = pattern >> i & 1 ? 1 : -1;
      p *= 0.5 * (1 + sign * h);
      sum += sign;
    }
    enumerate(sigma, nu, lambda, lr, x - lr / static_cast<double>(sigma.size()) * sum, p, steps - 1, mean, second);
  }
}

TEST(SignLattice, SumsOverEveryPath) {
  const std::vector<double> unequal = {0.3, 1.0, 2.0};
  for (const double nu : {0.6, 1.0, 3.0, infinity}) {
    for (const auto& sigma : {std::vector<double>(3, 0.7), unequal, std::vector<double>{0.5}}) {
      std::vector<std::vector<double>> rows;
      for (const double s : sigma) rows.push_back({2 * s});  // batch 4 halves it
      const QuadraticSettings q{{1.5}, 0.4, static_cast<std::int64_t>(sigma.size()), 4, NoiseScales(nu, rows)};
      SignLattice lattice(q, 0, 0.9);
      lattice.advance(4);
      double mean = 0, second = 0;
      enumerate(sigma, nu, 1.5, 0.4, 0.9, 1, 4, mean, second);
      EXPECT_NEAR(lattice.mean(), mean, 1e-12) << nu;
      EXPECT_NEAR(lattice.second(), second, 1e-12) << nu;
      EXPECT_NEAR(lattice.variance(), second - mean * mean, 1e-12) << nu;
    }
  }
}

TEST(SignLattice, EqualAgentsAreUnequalOnesThatAgree) {
  const QuadraticSettings one{{2}, 0.05, 5, 1, NoiseScales(3, 0.4)};
  const QuadraticSettings five{{2}, 0.05, 5, 1, NoiseScales(3, std::vector<std::vector<double>>(5, {0.4}))};
  SignLattice a(one, 0, 1), b(five, 0, 1);
  a.advance(200);
  b.advance(200);
  EXPECT_NEAR(a.second(), b.second(), 1e-12);
  EXPECT_NEAR(a.mean(), b.mean(), 1e-12);
}

TEST(SignLattice, LosesNothing) {
  for (const std::int64_t agents : {1, 2, 12, 1000}) {
    const QuadraticSettings q{{2}, 0.01, agents, 1, NoiseScales(1, 0.1)};
    SignLattice lattice(q, 0, 0.5);
    lattice.advance(300);
    const double mass = std::accumulate(lattice.probabilities().begin(), lattice.probabilities().end(), 0.0);
    EXPECT_NEAR(mass, 1, 1e-12) << agents;
    EXPECT_LT(lattice.lost(), 300 * 2e-18 * 1.01);
    EXPECT_LT(lattice.probabilities().size(), 300u * static_cast<std::size_t>(agents) / 2 + 2);  // trimmed
  }
}

TEST(SignLattice, MatchesTheAlgorithm) {
  SerialRun run;
  run.gradient = quadratic_gradient({2, 0.5});
  run.lr = 0.05;
  run.agents = 3;
  run.sigma = 0.6;
  const std::int64_t steps = 30;
  const QuadraticSettings q{{2, 0.5}, run.lr, run.agents, 1, NoiseScales(infinity, run.sigma)};
  const std::vector<double> start = {1.0, -0.7};
  const auto moments = sign_moments(q, start, steps);
  std::vector<std::vector<double>> first(2), second(2);
  for (std::uint64_t r = 0; r < 8000; ++r) {
    const auto x = run.sign(start, steps, r);
    for (std::size_t j = 0; j < 2; ++j) {
      first[j].push_back(x[j]);
      second[j].push_back(x[j] * x[j]);
    }
  }
  for (std::size_t j = 0; j < 2; ++j) {
    expect_matches(estimate(first[j]), moments.mean[j], z_value(4));
    expect_matches(estimate(second[j]), moments.second[j], z_value(4));
  }
}

TEST(SignStationary, TendsToPropositionC16) {
  // The phase-3 law differs from the algorithm by O(η): |Y|² is of that order, and so is the step's own effect.
  for (const double nu : {1.0, 3.0, infinity}) {
    double before = 0;
    for (const double lr : {0.04, 0.02, 0.01, 0.005}) {
      const QuadraticSettings q{{2}, lr, 4, 1, NoiseScales(nu, 0.5)};
      const double gap = sign_stationary(q)[0] / sign_law(q).stationary(0) - 1;
      if (before != 0) {
        EXPECT_NEAR(gap / before, 0.5, 0.05) << nu << " " << lr;
      }
      before = gap;
    }
    EXPECT_LT(std::abs(before), 0.02);
  }
}

TEST(SignStationary, IsALongRunsLaw) {
  for (const std::int64_t agents : {1, 4}) {
    const QuadraticSettings q{{2, 2, 1}, 0.02, agents, 1, NoiseScales(2.5, 0.3)};
    const auto stationary = sign_stationary(q);
    EXPECT_EQ(stationary[0], stationary[1]);
    SignLattice lattice(q, 2, 0.3);  // another start, another coordinate
    lattice.advance(3000);
    const double now = lattice.second();
    lattice.advance(1);
    EXPECT_NEAR(0.5 * (now + lattice.second()) / stationary[2], 1, 1e-6) << agents;
  }
}

TEST(SignLattice, NeverDivergesForAnyTail) {  // Fig. 11: the law exists for every ν, fatter tails have more variance
  double before = infinity;
  for (const double nu : {0.3, 1.0, 2.0, 3.0, 8.0, 64.0, infinity}) {
    const double variance = sign_stationary({{1}, 0.01, 3, 1, NoiseScales(nu, 1.0)}, 1e-7)[0];
    EXPECT_LT(variance, before);
    before = variance;
  }
}

TEST(SignLattice, RefusesNoiselessCoordinates) {
  EXPECT_THROW(SignLattice({{1}, 0.1, 2, 1, NoiseScales(3, 0.0)}, 0, 1), Error);
  EXPECT_THROW(SignLattice({{-1}, 0.1, 2, 1, NoiseScales(3, 1.0)}, 0, 1), Error);
  EXPECT_THROW(sign_stationary({{1}, 1e-9, 2, 1, NoiseScales(3, 1.0)}, 1e-9, 1000), Error);
}

}  // namespace
}  // namespace tersegrad
