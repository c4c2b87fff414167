// A network with everything that a forward leaves behind besides gradients; its file's program registers it.
#pragma once

#include <torch/torch.h>

#include "models/network.hpp"

namespace tersegrad {

/// BatchNorm's running statistics, and the generator that dropout draws from. \param dropout share of units dropped
class StatefulNetwork final : public Network {
 public:
  StatefulNetwork(const NetworkShape& shape, double dropout) {
    first_ = register_module("first", torch::nn::Linear(shape.input[0], 16));
    norm_ = register_module("norm", torch::nn::BatchNorm1d(16));
    drop_ = register_module("drop", torch::nn::Dropout(dropout));
    last_ = register_module("last", torch::nn::Linear(16, shape.classes));
  }
  torch::Tensor forward(torch::Tensor x) override { return last_(drop_(torch::relu(norm_(first_(x))))); }

 private:
  torch::nn::Linear first_{nullptr}, last_{nullptr};
  torch::nn::BatchNorm1d norm_{nullptr};
  torch::nn::Dropout drop_{nullptr};
};

}  // namespace tersegrad
