#include "tersegrad/theory/bounds/bounds.hpp"

#include <cmath>
#include <limits>

#include "tersegrad/core/error.hpp"

namespace tersegrad {

double Relaxation::at(double t) const {
  if (rate == 0) return initial + source * t;
  return initial * std::exp(-rate * t) - source * std::expm1(-rate * t) / rate;
}

double Relaxation::limit() const { return rate > 0 ? source / rate : std::numeric_limits<double>::infinity(); }

void LossSettings::check() const {
  TERSEGRAD_CHECK(smoothness > 0 && std::isfinite(smoothness), "smoothness L is '", smoothness,
                  "' (must be a positive number)");
  TERSEGRAD_CHECK(pl > 0, "mu is '", pl,
                  "' (the bound needs a Polyak-Lojasiewicz constant above 0: H positive definite, say)");
  TERSEGRAD_CHECK(pl <= smoothness * (1 + 1e-12), "mu = ", pl, " exceeds L = ", smoothness,
                  " (no function has such constants)");
  TERSEGRAD_CHECK(lr > 0 && std::isfinite(lr), "learning rate is '", lr, "' (must be a positive number)");
  TERSEGRAD_CHECK(batch > 0, "batch is '", batch, "' (must be positive)");
  TERSEGRAD_CHECK(agents >= 1, "number of agents is '", agents, "' (must be at least 1)");
}

AgentMeans AgentMeans::of(const std::vector<double>& noise, const std::vector<double>& omega) {
  TERSEGRAD_CHECK(!noise.empty() && noise.size() == omega.size(), "noise levels for ", noise.size(),
                  " agents and omega for ", omega.size(), " (give each agent one of both)");
  AgentMeans means;
  const auto count = static_cast<double>(noise.size());
  for (std::size_t i = 0; i < noise.size(); ++i) {
    means.noise += noise[i] / count;
    means.omega += omega[i] / count;
    means.omega_noise += noise[i] * omega[i] / count;
  }
  return means;
}

Relaxation dsgd_bound(const LossSettings& settings, double noise, double gap) {
  return dcsgd_bound(settings, AgentMeans::equal(noise, 0), gap);
}

double dcsgd_contraction(const LossSettings& s, double omega) {
  return 1 - s.lr * s.smoothness * s.smoothness * omega / (2 * s.pl * static_cast<double>(s.agents));
}

double dcsgd_lr_limit(const LossSettings& s, double omega) {
  return 2 * s.pl * static_cast<double>(s.agents) / (s.smoothness * s.smoothness * omega);
}

Relaxation dcsgd_bound(const LossSettings& s, const AgentMeans& agents, double gap) {
  s.check();
  TERSEGRAD_CHECK(gap >= 0, "the initial loss above the minimum is '", gap, "' (cannot be negative)");
  TERSEGRAD_CHECK(agents.noise >= 0 && agents.omega >= 0 && agents.omega_noise >= 0, "noise ", agents.noise,
                  " and omega ", agents.omega, " (neither can be negative)");
  const double source = s.lr * s.smoothness * (agents.noise + agents.omega_noise) /
                        (2 * s.batch * static_cast<double>(s.agents));
  return {gap, 2 * s.pl * dcsgd_contraction(s, agents.omega), source};
}

}  // namespace tersegrad
