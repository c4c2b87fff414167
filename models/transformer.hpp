// The transformer's parts that `vit` and `gpt2` share.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

/// Multi-head self-attention: for each head, softmax(Q Kᵀ/√(width/heads)) V, the heads side by side through one more
/// affine map. Q, K, V come from one affine map (rows [0, w) Q, [w, 2w) K, [2w, 3w) V; each cut into heads).
///
/// d = 4·width² + 4·width. Plain LibTorch operations, any floating type.
/// Tokens travel as a matrix [batch·tokens, width], one example's tokens behind the other: what every affine map and
/// norm wants. With a single token the softmax is 1 whatever the scores: only V is computed, and the parameters of
/// Q and K receive a gradient of exactly zero, as they would by the long way.
class Attention final : public torch::nn::Module {
 public:
  /// \param heads divides width
  Attention(std::int64_t width, std::int64_t heads);
  /// \param x     [batch·tokens, width]
  /// \param mask  undefined, or [tokens, tokens]: added to the scores (−∞ where a row may not look)
  torch::Tensor forward(const torch::Tensor& x, std::int64_t batch, const torch::Tensor& mask = {});

  torch::nn::Linear qkv{nullptr}, projection{nullptr};

 private:
  std::int64_t width_, heads_;
};

enum class Gelu { exact, tanh };

/// Pre-norm transformer layer: x ← x + Attention(LN x);  x ← x + W₂ GELU(W₁ LN x + b₁) + b₂. No dropout.
///
/// d = 4·width² + 2·width·ffn + 9·width + ffn (two LayerNorms 4w, attention 4w² + 4w, ffn 2wf + f + w).
class TransformerLayer final : public torch::nn::Module {
 public:
  TransformerLayer(std::int64_t width, std::int64_t heads, std::int64_t ffn, Gelu gelu = Gelu::exact);
  /// Shapes as in Attention.
  torch::Tensor forward(const torch::Tensor& x, std::int64_t batch, const torch::Tensor& mask = {});

  torch::nn::LayerNorm attention_norm{nullptr}, ffn_norm{nullptr};
  std::shared_ptr<Attention> attention;
  torch::nn::Linear expand{nullptr}, contract{nullptr};

 private:
  Gelu gelu_;
};

/// The argument "heads". \throws Error unless it divides the argument "width".
std::int64_t heads_dividing_width(const Arguments& arguments);

}  // namespace tersegrad
