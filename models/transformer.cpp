#include "models/transformer.hpp"

#include <cmath>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {

Attention::Attention(std::int64_t width, std::int64_t heads) : width_(width), heads_(heads) {
  qkv = register_module("qkv", torch::nn::Linear(width, 3 * width));
  projection = register_module("projection", torch::nn::Linear(width, width));
}

torch::Tensor Attention::forward(const torch::Tensor& x, std::int64_t batch, const torch::Tensor& mask) {
  const std::int64_t tokens = x.size(0) / batch;
  if (tokens == 1) {
    return projection->forward(torch::linear(x, qkv->weight.narrow(0, 2 * width_, width_),
                                             qkv->bias.narrow(0, 2 * width_, width_)));
  }
  const std::int64_t depth = width_ / heads_;
  // One copy brings all heads' Q, K, V into the batch layout of bmm; unbind's backward is one copy again.
  const auto parts = qkv->forward(x)
                         .view({batch, tokens, 3, heads_, depth})
                         .permute({2, 0, 3, 1, 4})
                         .reshape({3, batch * heads_, tokens, depth})
                         .unbind(0);
  const double scale = 1.0 / std::sqrt(static_cast<double>(depth));
  torch::Tensor scores = torch::bmm(parts[0] * scale, parts[1].transpose(1, 2));
  if (mask.defined()) scores.add_(mask);
  const torch::Tensor mixed = torch::bmm(torch::softmax(scores, -1), parts[2]);
  return projection->forward(
      mixed.view({batch, heads_, tokens, depth}).transpose(1, 2).reshape({batch * tokens, width_}));
}

TransformerLayer::TransformerLayer(std::int64_t width, std::int64_t heads, std::int64_t ffn, Gelu gelu) : gelu_(gelu) {
  const torch::nn::LayerNormOptions norm({width});
  attention_norm = register_module("attention_norm", torch::nn::LayerNorm(norm));
  attention = register_module("attention", std::make_shared<Attention>(width, heads));
  ffn_norm = register_module("ffn_norm", torch::nn::LayerNorm(norm));
  expand = register_module("expand", torch::nn::Linear(width, ffn));
  contract = register_module("contract", torch::nn::Linear(ffn, width));
}

torch::Tensor TransformerLayer::forward(const torch::Tensor& x, std::int64_t batch, const torch::Tensor& mask) {
  tell_progress();
  // add_: the affine map's own output is not needed by its backward.
  const torch::Tensor y = attention->forward(attention_norm->forward(x), batch, mask).add_(x);
  tell_progress();
  const torch::Tensor inner = torch::gelu(expand->forward(ffn_norm->forward(y)), gelu_ == Gelu::tanh ? "tanh" : "none");
  tell_progress();
  return contract->forward(inner).add_(y);
}

std::int64_t heads_dividing_width(const Arguments& arguments) {
  const std::int64_t width = arguments.integer("width", 1, 1 << 16);
  const std::int64_t heads = arguments.integer("heads", 1, 1 << 16);
  TERSEGRAD_CHECK(width % heads == 0, "argument 'heads' of model '", arguments.spec().text, "' is '", heads,
                  "' (each head takes an equal part of the width, and it does not divide ", width, ")");
  return heads;
}

}  // namespace tersegrad
