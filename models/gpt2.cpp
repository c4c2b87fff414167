// GPT-2, the decoder that predicts the next token.
#include <cmath>
#include <limits>

#include "models/network.hpp"
#include "models/shape.hpp"
#include "models/transformer.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {
namespace {

/// GPT-2 (Radford et al. 2019): token plus position embeddings, `layers` pre-norm layers whose tokens look only back,
/// a LayerNorm, and the logits by the token embedding itself (weight tying): with v the vocabulary, c the context and
/// w the width, ffn = 4w,
///
///   d = v·w + c·w + layers·(12w² + 13w) + 2w;    124,439,808 by default (GPT-2's smallest, "124M").
///
/// forward: token ids [batch, tokens], int64 or whole numbers in a float type, tokens ≤ context → logits
/// [batch, tokens, vocabulary]; position t predicts token t + 1. Its data set's examples are [tokens] with as many
/// classes as the vocabulary has. Initial values as in GPT-2: N(0, 0.02²), biases 0, the maps that end a residual
/// branch N(0, 0.02²/(2·layers)). GELU by its tanh form, no dropout.
class Gpt2 final : public Network {
 public:
  Gpt2(const Arguments& arguments, const NetworkShape& shape) {
    const std::int64_t count = arguments.integer("layers", 1, 1000);
    width_ = arguments.integer("width", 1, 1 << 16);
    const std::int64_t heads = heads_dividing_width(arguments);
    context_ = arguments.integer("context", 1, 1 << 20);
    vocabulary_ = arguments.integer("vocab", 1, 1 << 24);
    TERSEGRAD_CHECK(shape.input.size() == 1 && shape.input[0] >= 1 && shape.input[0] <= context_, "model '",
                    arguments.spec().text, "' reads at most ", context_,
                    " token ids [tokens], but this data set's examples are ", shape_text(shape.input),
                    "; choose another model or data set, or a longer 'context'");
    TERSEGRAD_CHECK(shape.classes == vocabulary_, "model '", arguments.spec().text, "' predicts one of ", vocabulary_,
                    " tokens, but this data set has ", shape.classes, " classes; give vocab=", shape.classes,
                    " if they are tokens");
    const auto normal = [](const torch::Tensor& x, double deviation) {
      torch::NoGradGuard no_grad;
      x.normal_(0.0, deviation);
    };
    const auto affine = [&](torch::nn::Linear& map, double deviation) {
      normal(map->weight, deviation);
      torch::nn::init::zeros_(map->bias);
    };
    token_ = register_parameter("token", torch::empty({vocabulary_, width_}).normal_(0.0, 0.02));
    position_ = register_parameter("position", torch::empty({context_, width_}).normal_(0.0, 0.02));
    for (std::int64_t index = 0; index < count; ++index) {
      auto layer = std::make_shared<TransformerLayer>(width_, heads, 4 * width_, Gelu::tanh);
      const double last = 0.02 / std::sqrt(2.0 * static_cast<double>(count));
      affine(layer->attention->qkv, 0.02);
      affine(layer->attention->projection, last);
      affine(layer->expand, 0.02);
      affine(layer->contract, last);
      layers_.push_back(register_module("layer" + std::to_string(index), layer));
    }
    norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width_})));
  }

  torch::Tensor forward(torch::Tensor ids) override {
    TERSEGRAD_CHECK(ids.dim() == 2 && ids.size(1) >= 1 && ids.size(1) <= context_, "model 'gpt2' got a batch of shape ",
                    shape_text(ids.sizes().vec()), " (must be [batch, tokens] with 1 to ", context_, " tokens)");
    const std::int64_t batch = ids.size(0), tokens = ids.size(1);
    ids = ids.to(torch::kLong);
    const auto lowest = ids.min().item<std::int64_t>(), highest = ids.max().item<std::int64_t>();
    TERSEGRAD_CHECK(lowest >= 0 && highest < vocabulary_, "token id '", lowest < 0 ? lowest : highest,
                    "' is outside the model's vocabulary of ", vocabulary_, " (ids are 0 to ", vocabulary_ - 1, ")");
    torch::Tensor x = (torch::embedding(token_, ids) + position_.narrow(0, 0, tokens)).view({batch * tokens, width_});
    constexpr double never = -std::numeric_limits<double>::infinity();
    const torch::Tensor mask = torch::full({tokens, tokens}, never, x.options().requires_grad(false)).triu_(1);
    for (auto& layer : layers_) x = layer->forward(x, batch, mask);
    tell_progress();
    return torch::matmul(norm_->forward(x), token_.t()).view({batch, tokens, vocabulary_});
  }

 private:
  std::int64_t width_ = 0, context_ = 0, vocabulary_ = 0;
  torch::Tensor token_, position_;
  std::vector<std::shared_ptr<TransformerLayer>> layers_;
  torch::nn::LayerNorm norm_{nullptr};
};

const Registration<Network, const NetworkShape&> registration{
    "gpt2",
    "GPT-2 for next-token prediction; d = 124,439,808 by default",
    {{"layers", "12", "transformer layers, 1 to 1000"},
     {"heads", "12", "attention heads; divides width"},
     {"width", "768", "features of a token"},
     {"context", "1024", "longest sequence, in tokens"},
     {"vocab", "50257", "different tokens; equals the data set's classes"}},
    [](const Arguments& arguments, const NetworkShape& shape) { return std::make_unique<Gpt2>(arguments, shape); }};

}  // namespace
}  // namespace tersegrad
