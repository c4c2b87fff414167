// The update that every rank applies to its replica of x.
#pragma once

#include <cstdint>
#include <span>

#include "tersegrad/core/buffer.hpp"

namespace tersegrad {

struct OptimizerOptions {
  double momentum = 0;      ///< µ, 0 ≤ µ < 1
  double weight_decay = 0;  ///< λ ≥ 0
};

/// Stochastic gradient descent on the aggregated update u, in LibTorch's convention (no dampening):
///     g = u + λx;   v ← µv + g (v = g at the first step);   x ← x − ηv.
/// With µ = λ = 0, the default, this is the paper's x ← x − ηu (Eqs. 1, 5, 10).
class Optimizer {
 public:
  /// \param total length of x  \throws Error if an option is out of range
  Optimizer(const OptimizerOptions& options, std::int64_t total);
  /// Updates the coordinates [first, first + update.size()) of x.
  /// \param x the whole vector
  void apply(std::span<float> x, std::int64_t first, std::span<const float> update, double learning_rate);
  /// Whether apply() is x ← x − ηu and nothing else: Aggregator::decode_axpy() may then do it.
  bool is_plain_sgd() const { return options_.momentum == 0 && options_.weight_decay == 0; }
  /// v; empty without momentum. What a checkpoint keeps.
  std::span<float> memory() { return velocity_; }

 private:
  OptimizerOptions options_;
  Buffer<float> velocity_;
};

}  // namespace tersegrad
