// The SDEs of DSGD and DCSGD: drift −∇f, gradient noise and what the sparsifier adds to it.
#include <cmath>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/sde/process.hpp"

namespace tersegrad {

void ProcessSettings::check() const {
  TERSEGRAD_CHECK(layout.dim >= 1 && layout.replicas >= 1, "an SDE of ", layout.replicas, " replicas with ", layout.dim,
                  " coordinates (both must be at least 1)");
  TERSEGRAD_CHECK(lr > 0 && std::isfinite(lr), "learning rate is '", lr, "' (must be a positive number)");
  TERSEGRAD_CHECK(agents >= 1, "number of agents is '", agents, "' (must be at least 1)");
  TERSEGRAD_CHECK(batch > 0 && std::isfinite(batch), "batch is '", batch, "' (must be a positive number)");
  TERSEGRAD_ASSERT(gradient != nullptr, "an SDE without a gradient");
  noise.require_fit(agents, layout.dim);
}

namespace {

/// drift := −drift.
void negate(std::span<double> drift) {
  for (double& value : drift) value = -value;
}

/// Σ̂_jj/B for every coordinate.
std::vector<double> variances(const ProcessSettings& s) {
  std::vector<double> v(static_cast<std::size_t>(s.layout.dim));
  for (std::int64_t j = 0; j < s.layout.dim; ++j) v[static_cast<std::size_t>(j)] = s.noise.mean_variance(j) / s.batch;
  return v;
}

class Dsgd final : public Process {
 public:
  explicit Dsgd(const ProcessSettings& s) : Process(s.layout), gradient_(s.gradient), deviation_(variances(s)) {
    for (double& value : deviation_) value = std::sqrt(s.lr / static_cast<double>(s.agents) * value);
  }

  void evaluate(std::span<const double> x, std::span<const double> z, std::span<double> drift,
                std::span<double> kick) const override {
    gradient_(x, drift);
    negate(drift);
    const std::size_t d = deviation_.size();
    for (std::size_t at = 0; at < x.size(); at += d) {
      for (std::size_t j = 0; j < d; ++j) kick[at + j] = deviation_[j] * z[at + j];
    }
  }

 private:
  Gradient gradient_;
  std::vector<double> deviation_;
};

class Dcsgd final : public Process {
 public:
  Dcsgd(const ProcessSettings& s, double omega, Correlation correlation)
      : Process(s.layout),
        gradient_(s.gradient),
        variance_(variances(s)),
        factor_(std::sqrt(s.lr / static_cast<double>(s.agents))),
        omega_(omega),
        correlation_(correlation) {}

  std::int64_t normals() const override { return layout().dim + (correlation_ == Correlation::printed ? 1 : 0); }

  void evaluate(std::span<const double> x, std::span<const double> z, std::span<double> drift,
                std::span<double> kick) const override {
    gradient_(x, drift);
    const auto d = static_cast<std::size_t>(layout().dim);
    const auto n = static_cast<std::size_t>(normals());
    for (std::int64_t r = 0; r < layout().replicas; ++r) {
      const auto row = static_cast<std::size_t>(r);
      const auto gradient = drift.subspan(row * d, d);
      draw(gradient, z.subspan(row * n, n), kick.subspan(row * d, d));
    }
    negate(drift);
  }

 private:
  void draw(std::span<const double> gradient, std::span<const double> z, std::span<double> kick) const {
    const std::size_t d = gradient.size();
    if (correlation_ == Correlation::printed) {
      const double along = std::sqrt(omega_) * z[d];
      for (std::size_t j = 0; j < d; ++j) {
        kick[j] = factor_ * (std::sqrt((1 + omega_) * variance_[j]) * z[j] + along * gradient[j]);
      }
      return;
    }
    const double c = correlation_ == Correlation::exactly_k && d > 1 ? -omega_ / static_cast<double>(d - 1) : 0;
    double square = 0, projection = 0;  // ‖v‖² and vᵀz
    for (std::size_t j = 0; j < d; ++j) {
      const double g = gradient[j];
      const double diagonal = (omega_ - c) * g * g + (1 + omega_) * variance_[j];
      kick[j] = std::sqrt(diagonal);
      if (diagonal > 0) {
        const double v = g / kick[j];
        square += v * v;
        projection += v * z[j];
      }
    }
    // Without gradient noise c‖v‖² is −1 up to rounding: the kept coordinates' total is certain then.
    const double beta = square > 0 ? (std::sqrt(std::max(0.0, 1 + c * square)) - 1) / square : 0;
    for (std::size_t j = 0; j < d; ++j) {
      const double v = kick[j] > 0 ? gradient[j] / kick[j] : 0;
      kick[j] = factor_ * kick[j] * (z[j] + beta * projection * v);
    }
  }

  Gradient gradient_;
  std::vector<double> variance_;
  double factor_;
  double omega_;
  Correlation correlation_;
};

}  // namespace

std::unique_ptr<Process> make_dsgd(const ProcessSettings& settings) {
  settings.check();
  return std::make_unique<Dsgd>(settings);
}

std::unique_ptr<Process> make_dcsgd(const ProcessSettings& settings, double omega, Correlation correlation) {
  settings.check();
  TERSEGRAD_CHECK(omega >= 0 && std::isfinite(omega), "omega is '", omega,
                  "' (a variance factor must be a number from 0)");
  const auto most = static_cast<double>(settings.layout.dim - 1);
  TERSEGRAD_CHECK(correlation != Correlation::exactly_k || omega <= most * (1 + 1e-12), "omega is '", omega,
                  "', but Rand-k on ", settings.layout.dim, " coordinates has at most ", most, " (k = 1)");
  return std::make_unique<Dcsgd>(settings, omega, correlation);
}

}  // namespace tersegrad
