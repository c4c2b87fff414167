// Noise "none": the gradient as it is.
#include <limits>

#include "tersegrad/noise/noise.hpp"
#include "tersegrad/noise/profile.hpp"

namespace tersegrad {
namespace {

class NoNoise final : public Noise {
 public:
  std::string name() const override { return "none"; }
  void add(const Stream&, std::int64_t first, std::span<float>, float scale) const override { check_run(first, scale); }
  std::unique_ptr<Noise> replicated(std::int64_t dim) const override {
    check_replica(dim);
    return std::make_unique<NoNoise>();
  }
  double sigma() const override { return 0; }
  double nu() const override { return std::numeric_limits<double>::infinity(); }
  bool is_none() const override { return true; }
};

const Registration<Noise> registration{"none", "no noise is added", {}, [](const Arguments&) {
                                         return std::make_unique<NoNoise>();
                                       }};

}  // namespace
}  // namespace tersegrad
