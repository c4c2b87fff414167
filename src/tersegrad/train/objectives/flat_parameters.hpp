// A model's trained parameters and their gradients as two flat vectors that LibTorch works on in place.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <span>
#include <vector>

#include "tersegrad/core/buffer.hpp"
#include "tersegrad/core/layout.hpp"

namespace tersegrad {

/// Moves every trained parameter of a model into one vector and makes its gradient a view of another: nothing is ever
/// gathered by copying. Both vectors are Buffers: on huge pages, which what reads all of them gains by. They live as
/// long as this does, so the model must not be used after it.
class FlatParameters {
 public:
  /// \throws Error if nothing is trained, a parameter is no float32, or two share memory without being one tensor
  explicit FlatParameters(torch::nn::Module& model);
  FlatParameters(const FlatParameters&) = delete;
  FlatParameters& operator=(const FlatParameters&) = delete;

  std::span<float> values() { return values_; }
  std::span<float> gradients() { return gradients_; }
  std::int64_t size() const { return static_cast<std::int64_t>(values_.size()); }  ///< d
  /// The parameters in their order in the vectors, concatenated.
  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  /// Their names in the model, shapes and places.
  const std::vector<ParameterTensor>& tensors() const { return tensors_; }

 private:
  std::vector<torch::Tensor> parameters_;
  std::vector<ParameterTensor> tensors_;
  Buffer<float> values_, gradients_;
};

}  // namespace tersegrad
