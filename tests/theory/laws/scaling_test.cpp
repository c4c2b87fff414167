// The scaling rules against their defining equations (73) and (157), and the printed tables against the same.
#include "tersegrad/theory/laws/scaling.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/theory/bounds/bounds.hpp"
#include "tersegrad/theory/bounds/sign_bounds.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A base run with unequal agents: mean ω, L̄σ and mean ω_iL_σi.
struct Problem {
  double l = 3, mu = 0.8, lr = 0.02, batch = 8, agents = 6, noise = 2.5, omega = 1.7, omega_noise = 5.1;
  double rho() const { return omega_noise / (omega * noise); }
};

/// Left minus right of (73), relative to the right: DCSGD(κη, δB, βω, αN) against DSGD(η, B, N).
double residual73(const Problem& p, double kappa, double delta, double alpha, double beta) {
  const double left = kappa * (p.noise + beta * p.omega_noise) /
                      (delta * alpha * (2 * p.mu - p.lr * kappa * p.l * p.l * p.omega * beta / (alpha * p.agents)));
  const double right = p.noise / (2 * p.mu);
  return left / right - 1;
}

TEST(CompressedRule, SolvesEquation73) {
  const Quantity all[] = {Quantity::lr, Quantity::batch, Quantity::agents, Quantity::omega};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Sequence random({seed, Purpose::test, 0, 0});
    Problem p;
    p.l = 1 + 4 * random.uniform();
    p.mu = p.l * random.uniform();
    p.lr = 0.05 * p.mu / (p.l * p.l);
    p.noise = 3 * random.uniform();
    p.omega = 5 * random.uniform();
    p.omega_noise = p.omega * p.noise * (0.5 + random.uniform());
    const CompressedRule rule(p.l, p.mu, p.rho());
    const Hyperparameters base{p.lr, p.batch, p.agents, 0};
    for (const Quantity unknown : all) {
      const double kappa = 0.5 + random.uniform(), delta = 1 + 3 * random.uniform(), alpha = 2 + 2 * random.uniform(),
                   beta = 0.5 + random.uniform();
      Hyperparameters wanted{p.lr * kappa, p.batch * delta, p.agents * alpha, p.omega * beta};
      set_quantity(wanted, unknown, rule.solve(base, wanted, unknown));
      EXPECT_GT(rule.contraction(wanted), 0);
      EXPECT_NEAR(
          residual73(p, wanted.lr / p.lr, wanted.batch / p.batch, wanted.agents / p.agents, wanted.omega / p.omega), 0,
          1e-10)
          << quantity_name(unknown) << " seed " << seed;
    }
  }
}

TEST(CompressedRule, FloorIsTheoremThreeSevens) {
  const Problem p;
  const CompressedRule rule(p.l, p.mu, p.rho());
  const auto limit = [&](const Hyperparameters& h) {
    LossSettings s{p.l, p.mu, h.lr, h.batch, static_cast<std::int64_t>(h.agents)};
    return dcsgd_bound(s, {p.noise, h.omega, h.omega * p.noise * p.rho()}, 1).limit();
  };
  const Hyperparameters a{0.02, 8, 6, 0}, b{0.01, 4, 12, 2.5}, c{0.05, 16, 3, 1};
  EXPECT_NEAR(rule.floor(b) / rule.floor(a), limit(b) / limit(a), 1e-12);
  EXPECT_NEAR(rule.floor(c) / rule.floor(a), limit(c) / limit(a), 1e-12);
  EXPECT_EQ(rule.floor({1, 8, 1, 5}), infinity);  // Δ < 0
}

TEST(CompressedRule, PreservesACompressedBase) {
  const CompressedRule rule(3, 0.8);
  const Hyperparameters base{0.02, 8, 6, 2};
  for (const Quantity unknown : {Quantity::lr, Quantity::batch, Quantity::agents}) {
    Hyperparameters wanted = base;
    wanted.omega = 5;
    set_quantity(wanted, unknown, rule.solve(base, wanted, unknown));
    EXPECT_NEAR(rule.floor(wanted) / rule.floor(base), 1, 1e-12);
  }
  EXPECT_NEAR(rule.solve(base, base, Quantity::lr), base.lr, 1e-15);  // nothing changes: nothing changes
  EXPECT_NEAR(rule.solve(base, base, Quantity::omega), base.omega, 1e-12);
}

TEST(CompressedRule, ManyAgentsIsTableOne) {
  const CompressedRule rule = CompressedRule::many_agents();
  const Hyperparameters base{0.1, 64, 4, 0};
  const double omega = 3, beta = 2, kappa = 0.5, delta = 3;
  const auto solve = [&](Hyperparameters wanted, Quantity unknown) { return rule.solve(base, wanted, unknown); };
  EXPECT_NEAR(solve({0.1, 64, 4, beta * omega}, Quantity::agents) / 4, 1 + beta * omega, 1e-12);                // row 1
  EXPECT_NEAR(solve({0.1 * kappa, 64, 4, omega}, Quantity::agents) / 4, kappa * (1 + omega), 1e-12);           // row 2
  EXPECT_NEAR(solve({0.1, 64 * delta, 4, omega}, Quantity::agents) / 4, (1 + omega) / delta, 1e-12);           // row 3
  EXPECT_NEAR(solve({0.1, 64, 4, beta * omega}, Quantity::lr) / 0.1, 1 / (1 + beta * omega), 1e-12);           // row 4
  EXPECT_NEAR(solve({0.1, 64, 4, beta * omega}, Quantity::batch) / 64, 1 + beta * omega, 1e-12);               // row 5
  EXPECT_NEAR(solve({0.1, 64 * delta, 4, omega}, Quantity::lr) / 0.1, delta / (1 + omega), 1e-12);             // row 6
  EXPECT_NEAR(solve({0.1 * kappa, 64 * delta, 4, 0}, Quantity::agents) / 4, kappa / delta, 1e-12);  // Proposition 3.5
  // The exact rule tends to it as N grows.
  double before = infinity;
  for (double n = 10; n < 1e7; n *= 10) {
    const double gap =
        std::abs(CompressedRule(3, 0.8).solve({0.02, 8, n, 0}, {0.02, 8, n, 4}, Quantity::lr) / (0.02 / 5) - 1);
    EXPECT_LT(gap, before);
    before = gap;
  }
  EXPECT_LT(before, 1e-6);
}

// ⚠ The printed rules against (73). Each needs L̄σ ≠ 1 to be seen.
TEST(CompressedRule, PrintedTableTwoAgainstItsEquation) {
  const Problem p;
  const double r = p.omega * p.lr * p.l * p.l / (2 * p.mu * p.agents);  // ω̄ηL²/(2µN)
  const double ratio = p.omega_noise / p.noise;
  // (61) and (63), and (59), (60) with r: as they should be.
  EXPECT_NEAR(residual73(p, 1, 1, 1 + 2 * (ratio + r), 2), 0, 1e-12);                                    // (59), β = 2
  EXPECT_NEAR(residual73(p, 3, 1, 3 * (1 + ratio + r), 1), 0, 1e-12);                                    // (60), κ = 3
  EXPECT_NEAR(residual73(p, 1, 4, (1 + ratio) / 4 + r, 1), 0, 1e-12);                                    // (61), δ = 4
  EXPECT_NEAR(residual73(p, 1,
                         2 * p.mu * (p.noise + 2 * p.omega_noise) /
                             (p.noise * (2 * p.mu - 2 * p.omega * p.lr * p.l * p.l / p.agents)),
                         1, 2),
              0, 1e-12);  // (63)
  // (62): the last term lacks the factor L̄σ.
  const double beta = 2;
  EXPECT_NEAR(residual73(p, p.noise / (p.noise + beta * (p.omega_noise + p.noise * r)), 1, 1, beta), 0, 1e-12);
  EXPECT_GT(std::abs(residual73(p, p.noise / (p.noise + beta * (p.omega_noise + r)), 1, 1, beta)), 0.005);
  // (64): likewise.
  const double delta = 5;
  EXPECT_NEAR(residual73(p, delta * p.noise / (p.noise + p.omega_noise + delta * p.noise * r), delta, 1, 1), 0, 1e-12);
  EXPECT_GT(std::abs(residual73(p, delta * p.noise / (p.noise + p.omega_noise + delta * r), delta, 1, 1)), 0.005);
  // (59), (60) and Table 2's first rows print ωLσ·ηL²/(2µN) where r has ω̄: a factor of the noise too many.
  const double r_printed = p.omega_noise * p.lr * p.l * p.l / (2 * p.mu * p.agents);
  EXPECT_GT(std::abs(residual73(p, 1, 1, 1 + 2 * (ratio + r_printed), 2)), 0.005);
  EXPECT_GT(std::abs(residual73(p, 3, 1, 3 * (1 + ratio + r_printed), 1)), 0.005);
  // And the library's answers are the corrected ones.
  const CompressedRule rule(p.l, p.mu, p.rho());
  const Hyperparameters base{p.lr, p.batch, p.agents, 0};
  EXPECT_NEAR(rule.solve(base, {p.lr, p.batch, p.agents, beta * p.omega}, Quantity::lr) / p.lr,
              p.noise / (p.noise + beta * (p.omega_noise + p.noise * r)), 1e-12);
  EXPECT_NEAR(rule.solve(base, {p.lr, p.batch * delta, p.agents, p.omega}, Quantity::lr) / p.lr,
              delta * p.noise / (p.noise + p.omega_noise + delta * p.noise * r), 1e-12);
}

struct SignProblem {
  double nu = 3, mu = 1.3, sigma1 = 0.7, sigma2 = 0.52, lr = 0.05, batch = 4, agents = 3;
  double ell() const { return student_constants(nu).ell; }
  double k1() const { return ell() * std::sqrt(batch) / sigma1; }
  double k2() const { return lr * ell() * ell() * batch * mu / (2 * agents * sigma2); }
};

/// Left over right of (157), less 1.
double residual157(const SignProblem& p, double kappa, double delta, double alpha) {
  const double left = kappa / (alpha * std::sqrt(delta)) / (p.k1() + p.k2() * kappa * std::sqrt(delta) / alpha);
  return left * (p.k1() + p.k2()) - 1;
}

TEST(SignRule, SolvesEquation157) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Sequence random({seed, Purpose::test, 0, 0});
    SignProblem p;
    p.nu = seed % 4 == 0 ? infinity : 0.5 + 5 * random.uniform();
    p.lr = 0.2 * random.uniform();
    p.mu = 0.1 + 3 * random.uniform();
    p.sigma1 = 0.3 + random.uniform();
    p.sigma2 = p.sigma1 * p.sigma1 * (0.8 + 0.2 * random.uniform());
    const SignRule rule(p.nu, p.mu, p.sigma1, p.sigma2);
    const Hyperparameters base{p.lr, p.batch, p.agents, 0};
    for (const Quantity unknown : {Quantity::lr, Quantity::batch, Quantity::agents}) {
      Hyperparameters wanted{p.lr * (0.5 + random.uniform()), p.batch * (0.5 + random.uniform()),
                             p.agents * (0.5 + random.uniform()), 0};
      set_quantity(wanted, unknown, rule.solve(base, wanted, unknown));
      EXPECT_NEAR(residual157(p, wanted.lr / p.lr, wanted.batch / p.batch, wanted.agents / p.agents), 0, 1e-11)
          << quantity_name(unknown) << " seed " << seed;
    }
  }
}

TEST(SignRule, FloorIsTheoremThreeTwelves) {
  const SignProblem p;
  const SignRule rule(p.nu, p.mu, p.sigma1, p.sigma2);
  const auto limit = [&](const Hyperparameters& h) {
    SignSettings s;
    s.student = student_constants(p.nu);
    s.mu = p.mu, s.trace = 1, s.lr = h.lr, s.batch = h.batch, s.agents = static_cast<std::int64_t>(h.agents),
    s.sigma_h1 = p.sigma1, s.sigma_h2 = p.sigma2;
    return sign_phase3_bound(s, 1).limit();
  };
  const Hyperparameters a{0.05, 4, 3, 0}, b{0.02, 16, 5, 0};
  EXPECT_NEAR(rule.floor(b) / rule.floor(a), limit(b) / limit(a), 1e-12);
}

TEST(SignRule, ManyAgentsIsProposition314) {
  const SignRule rule;
  const Hyperparameters base{0.001, 64, 4, 0};
  EXPECT_NEAR(rule.solve(base, {0, 64, 16, 0}, Quantity::lr), 0.004, 1e-15);             // κ = α
  EXPECT_NEAR(rule.solve(base, {0, 256, 4, 0}, Quantity::lr), 0.002, 1e-15);             // κ = √δ
  EXPECT_NEAR(rule.solve(base, {0.001, 256, 0, 0}, Quantity::agents), 2, 1e-12);         // DSignSGD(η, κ²B, N/κ)
  EXPECT_NEAR(rule.solve(base, {0.002, 0, 4, 0}, Quantity::batch), 256, 1e-10);          // DSignSGD(κη, κ²B, N)
  double before = infinity;
  const SignProblem p;
  for (double n = 10; n < 1e7; n *= 10) {
    const double gap = std::abs(
        SignRule(p.nu, p.mu, p.sigma1, p.sigma2).solve({0.05, 4, n, 0}, {0, 36, n, 0}, Quantity::lr) / 0.15 - 1);
    EXPECT_LT(gap, before);
    before = gap;
  }
  EXPECT_LT(before, 1e-5);
}

TEST(SignRule, PrintedTableThreeAgainstItsEquation) {  // ⚠
  const SignProblem p;
  const double ratio = p.k2() / p.k1(), delta = 1.5;
  ASSERT_LT(ratio, 0.2);  // it is K_2/K_1, not K_1/K_2, that N ≫ 1 makes small
  EXPECT_NEAR(residual157(p, 1, delta, 1 / std::sqrt(delta) + ratio * (1 / std::sqrt(delta) - std::sqrt(delta))), 0,
              1e-12);                                                                                // row 1
  EXPECT_NEAR(residual157(p, 1.7, 1, 1.7), 0, 1e-12);                                                // row 2
  EXPECT_NEAR(residual157(p, std::sqrt(delta) / (1 + ratio * (1 - delta)), delta, 1), 0, 1e-12);     // row 3, corrected
  EXPECT_GT(std::abs(residual157(p, std::sqrt(delta) / (1 + (1 - delta) / ratio), delta, 1)), 0.5);  // row 3, printed
  const SignRule rule(p.nu, p.mu, p.sigma1, p.sigma2);
  EXPECT_NEAR(rule.solve({p.lr, p.batch, p.agents, 0}, {0, p.batch * delta, p.agents, 0}, Quantity::lr) / p.lr,
              std::sqrt(delta) / (1 + ratio * (1 - delta)), 1e-12);
}

TEST(ScalingRules, RefuseWhatHasNoAnswer) {
  const CompressedRule rule(3, 0.8);
  EXPECT_THROW(rule.solve({10, 8, 1, 5}, {10, 8, 1, 6}, Quantity::lr), Error);        // the base itself has Δ < 0
  EXPECT_THROW(rule.solve({0.01, 8, 1, 0}, {0.1, 8, 1, 5}, Quantity::batch), Error);  // Δ ≤ 0 whatever the batch
  EXPECT_THROW(rule.solve({0.01, 8, 4, 0}, {0.02, 8, 4, 0}, Quantity::omega),
               Error);  // already above without compression
  EXPECT_THROW(SignRule().solve({0.01, 8, 4, 0}, {0.02, 8, 4, 0}, Quantity::omega), Error);
  EXPECT_THROW(SignRule(3, 1, 0.1, 0.01).solve({1, 1, 1, 0}, {1, 1000, 1, 0}, Quantity::lr), Error);
  EXPECT_THROW(SignRule(3, 1, 0.1, 0.01).solve({1, 1, 1, 0}, {1, 1000, 1, 0}, Quantity::agents), Error);
  EXPECT_THROW(SignRule(0, 1, 1, 1), Error);
  EXPECT_THROW(SignRule(3, 1, -1, 1), Error);
  EXPECT_THROW(CompressedRule(1, 2), Error);
  EXPECT_THROW(rule.solve({-0.1, 8, 4, 0}, {0.1, 8, 4, 1}, Quantity::lr), Error);
  EXPECT_THROW(rule.solve({0.1, 8, 4, 0}, {0.1, -8, 4, 1}, Quantity::lr), Error);
}

TEST(ScalingRules, NameTheirRow) {
  const Hyperparameters base{0.1, 64, 4, 0};
  const auto row = [&](Hyperparameters wanted, Quantity unknown) { return compressed_rule_row(base, wanted, unknown); };
  EXPECT_NE(row({0.1, 64, 16, 3}, Quantity::agents).find("row 1"), std::string::npos);
  EXPECT_NE(row({0.05, 64, 8, 3}, Quantity::agents).find("row 2"), std::string::npos);
  EXPECT_NE(row({0.1, 128, 8, 3}, Quantity::agents).find("row 3"), std::string::npos);
  EXPECT_NE(row({0.025, 64, 4, 3}, Quantity::lr).find("row 4"), std::string::npos);
  EXPECT_NE(row({0.1, 256, 4, 3}, Quantity::batch).find("row 5"), std::string::npos);
  EXPECT_NE(row({0.05, 128, 4, 3}, Quantity::lr).find("row 6"), std::string::npos);
  EXPECT_NE(row({0.2, 128, 4, 0}, Quantity::lr).find("3.5"), std::string::npos);
}

}  // namespace
}  // namespace tersegrad
