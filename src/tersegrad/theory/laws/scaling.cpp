#include "tersegrad/theory/laws/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(Quantity unknown, const std::string& why) {
  throw Error(concat("no ", quantity_name(unknown), " preserves the loss (", why, ")"));
}

double base_floor(const ScalingRule& rule, const Hyperparameters& base) {
  base.check();
  const double floor = rule.floor(base);
  TERSEGRAD_CHECK(std::isfinite(floor), "the base run has no asymptotic loss to preserve (its Delta is ",
                  format_number(rule.contraction(base)),
                  ", not positive: lower its learning rate or omega, or add agents)");
  return floor;
}

}  // namespace

const char* quantity_name(Quantity quantity) {
  switch (quantity) {
    case Quantity::lr: return "learning rate";
    case Quantity::batch: return "batch";
    case Quantity::agents: return "agents";
    case Quantity::omega: return "omega";
  }
  return "";
}

double quantity_of(const Hyperparameters& values, Quantity quantity) {
  switch (quantity) {
    case Quantity::lr: return values.lr;
    case Quantity::batch: return values.batch;
    case Quantity::agents: return values.agents;
    case Quantity::omega: break;
  }
  return values.omega;
}

void set_quantity(Hyperparameters& values, Quantity quantity, double value) {
  switch (quantity) {
    case Quantity::lr: values.lr = value; return;
    case Quantity::batch: values.batch = value; return;
    case Quantity::agents: values.agents = value; return;
    case Quantity::omega: values.omega = value; return;
  }
}

void Hyperparameters::check() const {
  TERSEGRAD_CHECK(lr > 0 && std::isfinite(lr), "learning rate is '", lr, "' (must be a positive number)");
  TERSEGRAD_CHECK(batch > 0 && std::isfinite(batch), "batch is '", batch, "' (must be a positive number)");
  TERSEGRAD_CHECK(agents > 0 && std::isfinite(agents), "number of agents is '", agents, "' (must be positive)");
  TERSEGRAD_CHECK(omega >= 0 && std::isfinite(omega), "omega is '", omega,
                  "' (a variance factor must be a number from 0)");
}

CompressedRule::CompressedRule(double smoothness, double mu, double rho)
    : c_(smoothness * smoothness / (2 * mu)), rho_(rho) {
  TERSEGRAD_CHECK(smoothness > 0 && std::isfinite(smoothness), "smoothness L is '", smoothness,
                  "' (must be a positive number)");
  TERSEGRAD_CHECK(mu > 0 && mu <= smoothness * (1 + 1e-12), "mu is '", mu, "' (must be in (0, L], L = ", smoothness,
                  ")");
  TERSEGRAD_CHECK(rho >= 0, "rho is '", rho, "' (cannot be negative)");
}

CompressedRule CompressedRule::many_agents(double rho) {
  TERSEGRAD_CHECK(rho >= 0, "rho is '", rho, "' (cannot be negative)");
  CompressedRule rule;
  rule.rho_ = rho;
  return rule;
}

double CompressedRule::contraction(const Hyperparameters& h) const { return 1 - c_ * h.lr * h.omega / h.agents; }

double CompressedRule::floor(const Hyperparameters& h) const {
  const double delta = contraction(h);
  return delta > 0 ? h.lr * (1 + rho_ * h.omega) / (h.batch * h.agents * delta) : infinity;
}

double CompressedRule::solve(const Hyperparameters& base, Hyperparameters wanted, Quantity unknown) const {
  const double f = base_floor(*this, base);
  set_quantity(wanted, unknown, quantity_of(base, unknown));  // whatever stood there is no value yet
  wanted.check();
  const auto [lr, batch, agents, omega] = wanted;
  // floor = f, that is η(1 + ρω) = fB(N − cηω), is linear in each of the four.
  switch (unknown) {
    case Quantity::lr: return f * batch * agents / (1 + rho_ * omega + f * batch * c_ * omega);
    case Quantity::agents: return lr * (1 + rho_ * omega) / (f * batch) + c_ * lr * omega;
    case Quantity::batch: {
      const double room = agents - c_ * lr * omega;
      if (room <= 0)
        refuse(unknown, concat("Delta = ", format_number(room / agents), " is not positive whatever the batch"));
      return lr * (1 + rho_ * omega) / (f * room);
    }
    case Quantity::omega: break;
  }
  const double room = f * batch * agents - lr;
  if (room < -1e-12 * lr) refuse(unknown, "the loss would be above the base run's without any compression");
  const double weight = lr * (rho_ + f * batch * c_);
  return std::max(0.0, room) / weight;
}

std::string CompressedRule::text() const {
  return c_ == 0
             ? "kappa (1 + omega') / (alpha delta) = 1 + omega, for N >> 1 (Theorem 3.7; equation 73 with Delta = 1)"
             : "equal asymptotic bounds of Theorem 3.7 (equation 73)";
}

SignRule::SignRule(double nu, double mu, double sigma_h1, double sigma_h2) {
  TERSEGRAD_CHECK(mu > 0, "mu is '", mu, "' (must be positive)");
  TERSEGRAD_CHECK(sigma_h1 > 0 && sigma_h2 > 0, "noise scale sigma is '", sigma_h1, "' (must be positive)");
  const double ell = sign_mean_slope(nu, 0);
  k1_ = ell / sigma_h1;
  k2_ = ell * ell * mu / (2 * sigma_h2);
}

double SignRule::contraction(const Hyperparameters& h) const {
  return k1_ * std::sqrt(h.batch) + k2_ * h.lr * h.batch / h.agents;
}

double SignRule::floor(const Hyperparameters& h) const { return h.lr / (h.agents * contraction(h)); }

double SignRule::solve(const Hyperparameters& base, Hyperparameters wanted, Quantity unknown) const {
  if (unknown == Quantity::omega)
    refuse(unknown, "sign compression has no variance factor: its rule trades learning rate, batch and agents");
  const double f = base_floor(*this, base);
  set_quantity(wanted, unknown, quantity_of(base, unknown));  // whatever stood there is no value yet
  wanted.check();
  const auto [lr, batch, agents, omega] = wanted;
  // floor = f, that is η = f(Nk_1√B + k_2ηB): linear in η and N, quadratic in √B.
  const double room = 1 - f * k2_ * batch;
  switch (unknown) {
    case Quantity::lr:
      if (room <= 0) refuse(unknown, "the batch is so large that any learning rate ends below the base run's loss");
      return f * agents * k1_ * std::sqrt(batch) / room;
    case Quantity::agents:
      if (room <= 0) refuse(unknown, "the batch is so large that any number of agents ends below the base run's loss");
      return lr * room / (f * k1_ * std::sqrt(batch));
    default: break;
  }
  const double half = f * agents * k1_;
  const double root = 2 * lr / (half + std::sqrt(half * half + 4 * f * k2_ * lr * lr));
  return root * root;
}

std::string SignRule::text() const {
  return k2_ == 0 ? "kappa / (alpha sqrt(delta)) = 1, for N >> 1 (Proposition 3.14)"
                  : "equal asymptotic bounds of Theorem 3.12, phase 3 (equation 157)";
}

std::optional<Quantity> quantity_to_solve(std::span<const Quantity> named, bool sign) {
  const auto is_named = [&](Quantity quantity) {
    return std::find(named.begin(), named.end(), quantity) != named.end();
  };
  if (!is_named(Quantity::lr)) return Quantity::lr;
  const bool batch = is_named(Quantity::batch), agents = is_named(Quantity::agents);
  TERSEGRAD_CHECK(batch || agents, "two unknowns are left, batch and agents (name one of them)");
  if (!batch) return Quantity::batch;
  if (!agents) return Quantity::agents;
  if (!sign && !is_named(Quantity::omega)) return Quantity::omega;
  return std::nullopt;
}

double runnable(Quantity quantity, double value) {
  const bool whole = quantity == Quantity::batch || quantity == Quantity::agents;
  return whole ? std::max(1.0, std::ceil(value - 1e-9 * value)) : value;
}

std::string compressed_rule_row(const Hyperparameters& base, const Hyperparameters& wanted, Quantity unknown) {
  const bool lr = base.lr != wanted.lr, batch = base.batch != wanted.batch, agents = base.agents != wanted.agents;
  if (base.omega == wanted.omega && unknown != Quantity::omega) {
    return "Proposition 3.5: kappa / (alpha delta) = 1 (omega unchanged)";
  }
  if (base.omega != 0)
    return "the general rule: kappa (1 + omega') / (alpha delta) = 1 + omega (Table 1's rows start from no "
           "compression)";
  if (agents && !lr && !batch) return "Table 1, row 1: alpha = 1 + beta omega";
  if (agents && lr && !batch) return "Table 1, row 2: alpha = kappa (1 + omega)";
  if (agents && batch && !lr) return "Table 1, row 3: alpha = (1 + omega) / delta";
  if (lr && !batch && !agents) return "Table 1, row 4: kappa = 1 / (1 + beta omega)";
  if (batch && !lr && !agents) return "Table 1, row 5: delta = 1 + beta omega";
  if (lr && batch && !agents) return "Table 1, row 6: kappa = delta / (1 + omega)";
  return "Proposition 3.9: kappa (1 + beta omega) / (alpha delta) = 1";
}

}  // namespace tersegrad
