#include "tersegrad/train/optimizer.hpp"

#include "tersegrad/core/error.hpp"

namespace tersegrad {

Optimizer::Optimizer(const OptimizerOptions& options) : options_(options) {
  TERSEGRAD_CHECK(options.momentum >= 0 && options.momentum < 1, "momentum is ", options.momentum,
                  " (must be at least 0 and below 1)");
  TERSEGRAD_CHECK(options.weight_decay >= 0, "weight decay is ", options.weight_decay, " (must not be negative)");
}

void Optimizer::apply(std::span<float> x, std::span<float> update, double learning_rate) {
  const auto eta = static_cast<float>(learning_rate);
  if (options_.weight_decay > 0) {
    const auto lambda = static_cast<float>(options_.weight_decay);
    for (std::size_t j = 0; j < x.size(); ++j) update[j] += lambda * x[j];
  }
  if (options_.momentum == 0) {
    for (std::size_t j = 0; j < x.size(); ++j) x[j] -= eta * update[j];
    return;
  }
  const auto mu = static_cast<float>(options_.momentum);
  if (velocity_.empty()) velocity_.assign(x.size(), 0.0f);
  for (std::size_t j = 0; j < x.size(); ++j) {
    velocity_[j] = mu * velocity_[j] + update[j];
    x[j] -= eta * velocity_[j];
  }
}

}  // namespace tersegrad
