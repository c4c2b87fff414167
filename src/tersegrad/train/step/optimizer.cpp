#include "tersegrad/train/step/optimizer.hpp"

#include "tersegrad/core/error.hpp"

namespace tersegrad {

Optimizer::Optimizer(const OptimizerOptions& options, std::int64_t total) : options_(options) {
  TERSEGRAD_CHECK(options.momentum >= 0 && options.momentum < 1, "momentum is ", options.momentum,
                  " (must be at least 0 and below 1)");
  TERSEGRAD_CHECK(options.weight_decay >= 0, "weight decay is ", options.weight_decay, " (must not be negative)");
  if (options.momentum > 0) velocity_.assign(static_cast<std::size_t>(total), 0.0f);
}

void Optimizer::apply(std::span<float> x, std::int64_t first, std::span<const float> update, double learning_rate) {
  const auto eta = static_cast<float>(learning_rate);
  const auto part = x.subspan(static_cast<std::size_t>(first), update.size());
  if (is_plain_sgd()) {  // the paper's update, and the common one
    for (std::size_t j = 0; j < part.size(); ++j) part[j] -= eta * update[j];
    return;
  }
  const auto lambda = static_cast<float>(options_.weight_decay), mu = static_cast<float>(options_.momentum);
  if (velocity_.empty()) {
    for (std::size_t j = 0; j < part.size(); ++j) part[j] -= eta * (update[j] + lambda * part[j]);
    return;
  }
  const auto velocity = std::span<float>(velocity_).subspan(static_cast<std::size_t>(first), update.size());
  for (std::size_t j = 0; j < part.size(); ++j) {
    velocity[j] = mu * velocity[j] + (update[j] + lambda * part[j]);
    part[j] -= eta * velocity[j];
  }
}

}  // namespace tersegrad
