#include "tersegrad/train/objectives/flat_parameters.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

/// Where a tensor's elements lie: [begin, end) of addresses that hold them all.
std::pair<const char*, const char*> extent_of(const torch::Tensor& tensor) {
  const auto* begin = static_cast<const char*>(tensor.data_ptr());
  std::int64_t last = 0;
  for (std::int64_t axis = 0; axis < tensor.dim(); ++axis) last += (tensor.size(axis) - 1) * tensor.stride(axis);
  return {begin, begin + (last + 1) * static_cast<std::int64_t>(tensor.element_size())};
}

/// The parameters that take part in d, each once, in the order of their first registration. One tensor under several
/// names (tied weights) is one parameter; frozen ones (requires_grad false) stay as they are and cost nothing.
/// \throws Error naming a parameter that is no float32, or two that overlap without being one tensor
/// \param names receives the name of each
std::vector<torch::Tensor> trained_parameters(const torch::nn::Module& network, std::vector<std::string>& names) {
  std::vector<torch::Tensor> trained;
  for (const auto& entry : network.named_parameters()) {
    const auto& parameter = entry.value();
    const bool known =
        std::any_of(trained.begin(), trained.end(), [&](const auto& other) { return other.is_same(parameter); });
    if (known || !parameter.requires_grad() || parameter.numel() == 0) continue;
    TERSEGRAD_CHECK(parameter.scalar_type() == torch::kFloat32, "parameter '", entry.key(), "' of the model is ",
                    parameter.scalar_type(), " (gradients travel as float32); convert it, or freeze it");
    const auto [begin, end] = extent_of(parameter);
    for (std::size_t i = 0; i < trained.size(); ++i) {
      const auto [other_begin, other_end] = extent_of(trained[i]);
      TERSEGRAD_CHECK(
          begin >= other_end || other_begin >= end, "parameters '", names[i], "' and '", entry.key(),
          "' of the model share memory without being one tensor (they would be trained apart); register one "
          "tensor, and its views in forward");
    }
    trained.push_back(parameter);
    names.push_back(entry.key());
  }
  return trained;
}

}  // namespace

FlatParameters::FlatParameters(torch::nn::Module& model) {
  std::vector<std::string> names;
  parameters_ = trained_parameters(model, names);
  const torch::NoGradGuard no_gradient;
  std::int64_t total = 0;
  for (const auto& parameter : parameters_) total += parameter.numel();
  TERSEGRAD_CHECK(total > 0, "the model has no parameters that are trained");
  values_.resize(static_cast<std::size_t>(total));
  gradients_.assign(values_.size(), 0.0f);
  const auto values = torch::from_blob(values_.data(), {total}), gradients = torch::from_blob(gradients_.data(), {total});
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto& parameter = parameters_[i];
    const auto n = parameter.numel();
    tensors_.push_back({names[i], parameter.sizes().vec(), offset});
    auto value = values.narrow(0, offset, n).view(parameter.sizes());
    value.copy_(parameter);
    parameter.set_data(value);
    parameter.mutable_grad() = gradients.narrow(0, offset, n).view(parameter.sizes());
    offset += n;
  }
}

}  // namespace tersegrad
