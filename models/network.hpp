// Networks: what every model file registers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/registry.hpp"

namespace tersegrad {

/// What a model must fit: one example's shape ({30}, {1, 28, 28}, …) and the number of classes.
struct NetworkShape {
  std::vector<std::int64_t> input;
  std::int64_t classes = 0;
};

/// A classifier: forward maps [batch, input…] float32 to logits [batch, classes]; a sequence model (`gpt2`) maps token
/// ids [batch, tokens] to one row of logits a token, [batch, tokens, classes].
///
/// The trainer draws the initial parameters from LibTorch's generator, which it seeds (--init-seed) before it
/// asks the registry for the model, and afterwards makes every parameter a view of one flat buffer: a model
/// keeps no raw pointer to its parameters. A parameter that a forward does not reach has gradient 0 in that step; one
/// tensor registered under several names is one parameter; one with requires_grad false is no part of d: it stays as it
/// was made, on every rank by the same seed. What is no parameter but part of the state (BatchNorm's running
/// statistics) is a registered buffer, not all of them floats.
///
/// A forward that may take seconds calls tell_progress() (core/progress.hpp) between its layers: there a signal can end an
/// evaluation.
class Network : public torch::nn::Module {
 public:
  static constexpr const char* family = "model";
  virtual torch::Tensor forward(torch::Tensor x) = 0;
};

}  // namespace tersegrad
