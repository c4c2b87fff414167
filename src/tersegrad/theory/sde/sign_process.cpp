// The SDE of DSignSGD, and what it becomes in its three phases.
#include <cmath>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/theory/sde/process.hpp"
#include "tersegrad/theory/sde/sign_response.hpp"
#include "tersegrad/theory/student/student_constants.hpp"

namespace tersegrad {
namespace {

double sign(double x) { return static_cast<double>(x > 0) - static_cast<double>(x < 0); }

class FullSign final : public Process {
 public:
  explicit FullSign(const ProcessSettings& s)
      : Process(s.layout),
        gradient_(s.gradient),
        response_(s.noise.nu()),
        factor_(std::sqrt(s.lr / static_cast<double>(s.agents))),
        rows_(static_cast<std::size_t>(s.noise.rows())) {
    for (std::int64_t j = 0; j < s.layout.dim; ++j) {
      for (std::int64_t i = 0; i < s.noise.rows(); ++i) inverse_.push_back(std::sqrt(s.batch) / s.noise.scale(i, j));
    }
  }

  void evaluate(std::span<const double> x, std::span<const double> z, std::span<double> drift,
                std::span<double> kick) const override {
    gradient_(x, drift);
    const auto d = static_cast<std::size_t>(layout().dim);
    for (std::size_t at = 0; at < x.size(); at += d) {
      for (std::size_t j = 0; j < d; ++j) {
        const double g = drift[at + j];
        double mean = 0, square = 0;
        for (std::size_t i = 0; i < rows_; ++i) {
          const double y = inverse_[j * rows_ + i];
          const double h = std::isinf(y) ? sign(g) : response_(y * g);
          mean += h;
          square += h * h;
        }
        const double rows = static_cast<double>(rows_);
        drift[at + j] = -mean / rows;
        kick[at + j] = factor_ * std::sqrt(std::max(0.0, 1 - square / rows)) * z[at + j];
      }
    }
  }

 private:
  Gradient gradient_;
  SignResponse response_;
  double factor_;
  std::size_t rows_;
  std::vector<double> inverse_;  // √B/σ_ij, coordinate-major: [d · rows]
};

class SignFlow final : public Process {
 public:
  explicit SignFlow(const ProcessSettings& s) : Process(s.layout), gradient_(s.gradient) {}
  std::int64_t normals() const override { return 0; }
  void evaluate(std::span<const double> x, std::span<const double>, std::span<double> drift,
                std::span<double>) const override {
    gradient_(x, drift);
    for (double& value : drift) value = -sign(value);
  }

 private:
  Gradient gradient_;
};

/// mean_i √B/σ_ij and mean_i B/σ_ij² for every coordinate.
struct Inverses {
  std::vector<double> first, second;
  explicit Inverses(const ProcessSettings& s) {
    for (std::int64_t j = 0; j < s.layout.dim; ++j) {
      first.push_back(std::sqrt(s.batch) * s.noise.mean_inverse(j));
      second.push_back(s.batch * s.noise.mean_inverse_square(j));
      TERSEGRAD_CHECK(std::isfinite(first.back()), "the noise scale of coordinate ", j,
                      " is 0 for some agent (phases 2 and 3 need noise in every coordinate)");
    }
  }
};

class SecantFlow final : public Process {
 public:
  SecantFlow(const ProcessSettings& s, Side side, double tolerance)
      : Process(s.layout),
        gradient_(s.gradient),
        inverses_(s),
        side_(side),
        constants_(student_constants(s.noise.nu(), tolerance)) {}
  std::int64_t normals() const override { return 0; }
  void evaluate(std::span<const double> x, std::span<const double>, std::span<double> drift,
                std::span<double>) const override {
    gradient_(x, drift);
    const std::size_t d = inverses_.first.size();
    for (std::size_t at = 0; at < x.size(); at += d) {
      for (std::size_t j = 0; j < d; ++j) {
        const double g = drift[at + j];
        // The bound nearer to 0 has the secant's intercept, the farther the tangent's.
        const bool far = (g > 0) == (side_ == Side::lower);
        const double q = sign(g) * (far ? constants_.intercept2 : constants_.intercept1);
        drift[at + j] = -constants_.slope * inverses_.first[j] * g - q;
      }
    }
  }

 private:
  Gradient gradient_;
  Inverses inverses_;
  Side side_;
  StudentConstants constants_;
};

class LinearSign final : public Process {
 public:
  explicit LinearSign(const ProcessSettings& s)
      : Process(s.layout),
        gradient_(s.gradient),
        inverses_(s),
        ell_(student_constants(s.noise.nu()).ell),
        factor_(std::sqrt(s.lr / static_cast<double>(s.agents))) {}

  void evaluate(std::span<const double> x, std::span<const double> z, std::span<double> drift,
                std::span<double> kick) const override {
    gradient_(x, drift);
    const std::size_t d = inverses_.first.size();
    for (std::size_t at = 0; at < x.size(); at += d) {
      for (std::size_t j = 0; j < d; ++j) {
        const double g = drift[at + j];
        drift[at + j] = -ell_ * inverses_.first[j] * g;
        kick[at + j] = factor_ * std::sqrt(std::max(0.0, 1 - ell_ * ell_ * inverses_.second[j] * g * g)) * z[at + j];
      }
    }
  }

 private:
  Gradient gradient_;
  Inverses inverses_;
  double ell_;
  double factor_;
};

}  // namespace

std::unique_ptr<Process> make_dsignsgd(const ProcessSettings& settings) {
  settings.check();
  return std::make_unique<FullSign>(settings);
}

std::unique_ptr<Process> make_sign_phase1(const ProcessSettings& settings) {
  settings.check();
  return std::make_unique<SignFlow>(settings);
}

std::unique_ptr<Process> make_sign_phase2(const ProcessSettings& settings, Side side, double tolerance) {
  settings.check();
  return std::make_unique<SecantFlow>(settings, side, tolerance);
}

std::unique_ptr<Process> make_sign_phase3(const ProcessSettings& settings) {
  settings.check();
  return std::make_unique<LinearSign>(settings);
}

}  // namespace tersegrad
