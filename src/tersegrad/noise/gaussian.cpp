// Noise "gaussian": Z_j = σ_j·N(0, 1), independent coordinates.
#include <limits>

#include "tersegrad/noise/draw.hpp"
#include "tersegrad/noise/noise.hpp"
#include "tersegrad/noise/scales.hpp"

namespace tersegrad {
namespace {

/// Z_j = σ_j·N(0, 1); accuracy and tail: add_gaussian.
class Gaussian final : public Noise {
 public:
  explicit Gaussian(Scales scales) : scales_(std::move(scales)) {}

  std::string name() const override { return "gaussian:" + scales_.spelling(); }

  void add(const Stream& stream, std::int64_t first, std::span<float> values, float scale) const override {
    scales_.for_each_run(first, values, scale, [&](auto at, auto run, auto factor, auto profile) {
      add_gaussian(stream, at, run, factor, profile);
    });
  }

  std::unique_ptr<Noise> replicated(std::int64_t dim) const override {
    return std::make_unique<Gaussian>(scales_.replicated(dim));
  }
  double sigma() const override { return scales_.sigma; }
  double sigma_at(std::int64_t coordinate) const override { return scales_.at(coordinate); }
  double nu() const override { return std::numeric_limits<double>::infinity(); }

 private:
  Scales scales_;
};

const Registration<Noise> registration{"gaussian", "normal with standard deviation sigma, independent coordinates",
                                       scale_parameters(), [](const Arguments& arguments) {
                                         return std::make_unique<Gaussian>(Scales::from(arguments));
                                       }};

}  // namespace
}  // namespace tersegrad
