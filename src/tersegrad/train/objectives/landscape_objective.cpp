#include "tersegrad/train/objectives/landscape_objective.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t most_coordinate_series = 16;
constexpr std::size_t progress_coordinates = std::size_t{1} << 22;  // between two signs of life
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Mean and variance of a sample, one value after another (Welford).
class Moments {
 public:
  void add(double value) {
    const double delta = value - mean_;
    mean_ += delta / static_cast<double>(++count_);
    squares_ += delta * (value - mean_);
  }
  double mean() const { return count_ == 0 ? infinity : mean_; }
  double variance() const { return count_ < 2 ? 0 : squares_ / static_cast<double>(count_ - 1); }

 private:
  std::int64_t count_ = 0;
  double mean_ = 0, squares_ = 0;
};

std::vector<double> starting_point(const TrainConfig& config, const Landscape& landscape) {
  if (config.start.empty()) return landscape.start();
  const auto dim = static_cast<std::size_t>(landscape.dim());
  std::vector<double> start;
  std::istringstream pieces(config.start);
  for (std::string piece; std::getline(pieces, piece, ',');) {
    double value = 0;
    TERSEGRAD_CHECK(parse_real(piece, value) && std::isfinite(value), "--start has '", piece,
                    "' (must be numbers separated by commas)");
    start.push_back(value);
  }
  TERSEGRAD_CHECK(start.size() == dim || start.size() == 1, "--start has ", start.size(), " numbers and landscape '",
                  landscape.name(), "' ", dim, " coordinates (give as many, or one for all)");
  start.resize(dim, start.front());
  return start;
}

class LandscapeObjective final : public Objective, public ExactGradient, public Observables {
 public:
  LandscapeObjective(const TrainConfig& config, std::shared_ptr<const Landscape> landscape)
      : landscape_(std::move(landscape)), layout_{landscape_->dim(), config.replicas} {
    TERSEGRAD_CHECK(config.batch == 0, "landscape '", landscape_->name(),
                    "' has no rows to take a batch of (use --batch full, --noise, and --noise-batch B for σ/√B)");
    const auto start = starting_point(config, *landscape_);
    const auto total = static_cast<std::size_t>(layout_.total());
    x_.resize(total);
    gradient_.resize(total);
    f_.resize(static_cast<std::size_t>(layout_.replicas));
    squares_.resize(f_.size());
    for (std::size_t j = 0; j < total; ++j) x_[j] = static_cast<float>(start[j % start.size()]);
  }

  ParameterLayout layout() const override { return layout_; }
  std::span<float> parameters() override { return x_; }
  std::span<float> gradient() override { return gradient_; }
  ExactGradient* exact_gradient() override { return this; }
  Observables* observables() override { return this; }

  double compute_exact_gradient() override {
    const auto dim = static_cast<std::size_t>(layout_.dim);
    const std::size_t piece = std::max<std::size_t>(1, progress_coordinates / dim);  // replicas: each is its own
    for (std::size_t r = 0; r < f_.size(); r += piece) {
      tell_progress();
      const std::size_t count = std::min(piece, f_.size() - r);
      const auto x = std::span<const float>(x_).subspan(r * dim, count * dim);
      landscape_->values(x, std::span(f_).subspan(r, count));
      landscape_->gradient(x, std::span<float>(gradient_).subspan(r * dim, count * dim));
    }
    double sum = 0;
    std::int64_t left = 0;
    for (std::size_t r = 0; r < f_.size(); ++r) {
      double squares = 0;
      for (std::size_t j = r * dim; j < (r + 1) * dim; ++j) {
        squares += static_cast<double>(gradient_[j]) * static_cast<double>(gradient_[j]);
      }
      squares_[r] = squares;
      if (has_diverged(r)) {
        squares_[r] = infinity;
        if (f_.size() > 1) std::fill_n(gradient_.begin() + static_cast<std::ptrdiff_t>(r * dim), dim, 0.0f);
        continue;
      }
      sum += f_[r];
      ++left;
    }
    return left > 0 ? sum / static_cast<double>(left) : infinity;
  }

  std::vector<SeriesInfo> series() const override {
    std::vector<SeriesInfo> all{
        {"loss_sd", "", "standard deviation of the loss over replicas"},
        {"exact_gradient_norm2", "", "mean over replicas of the squared norm of the exact gradient (gradient_norm2 in version 0.1)"},
        {"distance2", "", "mean over replicas of the squared distance from the minimiser"},
        {"diverged_replicas", "", "replicas whose loss or gradient is not finite; no mean includes them"}};
    for (std::int64_t j = 0; j < coordinate_series(); ++j) {
      all.push_back({concat("x", j, "_mean"), "", "mean of the coordinate over replicas, before the update"});
      all.push_back({concat("x", j, "_var"), "", "variance of the coordinate over replicas, before the update"});
    }
    if (coordinate_series() > 1) {
      all.push_back({"x0_x1_cov", "", "covariance of the first two coordinates over replicas, before the update"});
    }
    return all;
  }

  void observe(std::span<double> out) override {
    const auto dim = static_cast<std::size_t>(layout_.dim);
    const auto minimiser = landscape_->minimiser();
    Moments loss, norm2, distance2;
    Moments pair;  // of x_0 + x_1: its variance holds the covariance
    std::vector<Moments> coordinates(static_cast<std::size_t>(coordinate_series()));
    std::int64_t diverged = 0;
    for (std::size_t r = 0; r < f_.size(); ++r) {
      if (has_diverged(r)) {
        ++diverged;
        continue;
      }
      const float* x = x_.data() + r * dim;
      double distance = 0;
      for (std::size_t j = 0; j < dim; ++j) {
        const double offset = static_cast<double>(x[j]) - minimiser[j];
        distance += offset * offset;
      }
      for (std::size_t j = 0; j < coordinates.size(); ++j) coordinates[j].add(x[j]);
      if (coordinates.size() > 1) pair.add(static_cast<double>(x[0]) + static_cast<double>(x[1]));
      loss.add(f_[r]);
      norm2.add(squares_[r]);
      distance2.add(distance);
    }
    std::size_t at = 0;
    for (const double value :
         {std::sqrt(loss.variance()), norm2.mean(), distance2.mean(), static_cast<double>(diverged)}) {
      out[at++] = value;
    }
    for (const auto& coordinate : coordinates) {
      out[at++] = coordinate.mean();
      out[at++] = coordinate.variance();
    }
    if (coordinates.size() > 1)
      out[at++] = 0.5 * (pair.variance() - coordinates[0].variance() - coordinates[1].variance());
  }

 private:
  bool has_diverged(std::size_t r) const { return !std::isfinite(f_[r]) || !std::isfinite(squares_[r]); }
  std::int64_t coordinate_series() const { return layout_.dim <= most_coordinate_series ? layout_.dim : 0; }

  std::shared_ptr<const Landscape> landscape_;
  Layout layout_;
  Buffer<float> x_, gradient_;
  std::vector<double> f_, squares_;  // of each replica at the last gradient: f, ‖∇f‖²
};

}  // namespace

std::unique_ptr<Objective> make_landscape_objective(const TrainConfig& config,
                                                    std::shared_ptr<const Landscape> landscape) {
  return std::make_unique<LandscapeObjective>(config, std::move(landscape));
}

}  // namespace tersegrad
