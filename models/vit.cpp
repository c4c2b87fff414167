// Vision transformers: `vit`, by default the paper's, and `vit-small`.
#include "models/network.hpp"
#include "models/shape.hpp"
#include "models/transformer.hpp"

namespace tersegrad {
namespace {

/// Vision transformer (Dosovitskiy et al. 2021): patches → affine map to `width` → `depth` pre-norm layers → LayerNorm
/// → mean over the tokens → head. No class token, no dropout.
///
/// The image is cut into square patches of side p. A single patch (the paper's) has no position to tell; several get a
/// learned position each, added after the embedding and drawn from N(0, 0.02²). The head is an affine map to `head`
/// neurons, GELU, and one to the logits; `head` 0: a single affine map. With T = (height/p)·(width/p) tokens, w the
/// width, f the ffn, h the head and C the input's channels
///
///   d = (C p² + 1)·w + [T > 1] T·w + depth·(4w² + 2wf + 9w + f) + 2w + (w + 1)·h + (h + 1)·classes.
///
/// The paper's F.2 gives patch 28, width 48, depth 3, heads 6, ffn 192 on 28×28 MNIST and d = 133,930, which settles
/// the rest: embedding with bias 37,680; three layers of 28,272 (two norms 192, Q, K, V with bias 7,056, projection
/// 2,352, ffn 18,672); a final LayerNorm 96; a head 48-192-10 of 9,408 + 1,930.
///
/// With that one token attention mixes nothing: the 3·2·(48² + 48) = 14,112 parameters of Q and K have gradient
/// exactly zero at every step.
class VisionTransformer final : public Network {
 public:
  VisionTransformer(const Arguments& arguments, const NetworkShape& shape) {
    const ImageShape image = image_shape(shape, arguments);
    patch_ = arguments.integer("patch", 1, 1 << 16);
    TERSEGRAD_CHECK(image.height % patch_ == 0 && image.width % patch_ == 0, "argument 'patch' of model '",
                    arguments.spec().text, "' is '", patch_, "' (patches tile the image, and it does not divide ",
                    image.height, " x ", image.width, "); known: ", divisors(image.height, image.width));
    tokens_ = (image.height / patch_) * (image.width / patch_);
    width_ = arguments.integer("width", 1, 1 << 16);
    const std::int64_t heads = heads_dividing_width(arguments);
    const std::int64_t ffn = arguments.integer("ffn", 1, 1 << 20);
    const std::int64_t depth = arguments.integer("depth", 1, 1000);
    const std::int64_t head = arguments.integer("head", 0, 1 << 20);
    if (tokens_ > 1) position_ = register_parameter("position", torch::empty({tokens_, width_}).normal_(0.0, 0.02));
    embedding_ = register_module("embedding", torch::nn::Linear(image.channels * patch_ * patch_, width_));
    for (std::int64_t layer = 0; layer < depth; ++layer) {
      layers_.push_back(register_module("layer" + std::to_string(layer),
                                        std::make_shared<TransformerLayer>(width_, heads, ffn)));
    }
    norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width_})));
    if (head > 0) hidden_ = register_module("hidden", torch::nn::Linear(width_, head));
    output_ = register_module("output", torch::nn::Linear(head > 0 ? head : width_, shape.classes));
  }

  torch::Tensor forward(torch::Tensor x) override {
    const std::int64_t batch = x.size(0);
    x = embedding_->forward(patches(x));  // [batch·tokens, width]
    if (tokens_ > 1) x = (x.view({batch, tokens_, width_}) + position_).view({batch * tokens_, width_});
    for (auto& layer : layers_) x = layer->forward(x, batch);
    x = norm_->forward(x);
    if (tokens_ > 1) x = x.view({batch, tokens_, width_}).mean(1);
    if (hidden_) x = torch::gelu(hidden_->forward(x));
    return output_->forward(x);
  }

 private:
  /// [batch, C, H, W] → [batch·tokens, C·p·p], patches row by row.
  torch::Tensor patches(const torch::Tensor& x) const {
    if (tokens_ == 1) return x.flatten(1);
    const auto rows = x.size(2) / patch_, columns = x.size(3) / patch_;
    return x.reshape({x.size(0), x.size(1), rows, patch_, columns, patch_})
        .permute({0, 2, 4, 1, 3, 5})
        .reshape({x.size(0) * tokens_, x.size(1) * patch_ * patch_});
  }

  static std::string divisors(std::int64_t height, std::int64_t width) {
    std::vector<std::string> sides;
    for (std::int64_t side = 1; side <= std::min(height, width); ++side) {
      if (height % side == 0 && width % side == 0) sides.push_back(std::to_string(side));
    }
    return join(sides);
  }

  std::int64_t patch_ = 0, tokens_ = 0, width_ = 0;
  torch::Tensor position_;
  torch::nn::Linear embedding_{nullptr}, hidden_{nullptr}, output_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  std::vector<std::shared_ptr<TransformerLayer>> layers_;
};

struct Defaults {
  std::string patch, width, depth, heads, ffn, head;
};

std::vector<Parameter> parameters(const Defaults& defaults) {
  return {{"patch", defaults.patch, "side of a square patch in pixels; divides the image's height and width"},
          {"width", defaults.width, "features of a token"},
          {"depth", defaults.depth, "transformer layers, 1 to 1000"},
          {"heads", defaults.heads, "attention heads; divides width"},
          {"ffn", defaults.ffn, "neurons of each layer's feed-forward part"},
          {"head", defaults.head, "neurons of the classification head's hidden layer; 0: none"}};
}

std::unique_ptr<Network> make(const Arguments& arguments, const NetworkShape& shape) {
  return std::make_unique<VisionTransformer>(arguments, shape);
}

const Registration<Network, const NetworkShape&> vit{
    "vit", "vision transformer; default: the paper's, one 28 x 28 patch, d = 133,930 on mnist",
    parameters({"28", "48", "3", "6", "192", "192"}), make};

/// Width, depth, heads and ffn of ViT-S (Touvron et al. 2021, Table 1, DeiT-S), patch 4 so that a 32×32 image has 64
/// tokens, mean pooling and a single affine map as head: d = 21,341,578 on [3, 32, 32] with 10 classes.
/// `vit-small:width=192,heads=3,ffn=768` is their Ti.
const Registration<Network, const NetworkShape&> vit_small{
    "vit-small", "vision transformer of ViT-S's width and depth, patch 4; d = 21,341,578 on cifar10",
    parameters({"4", "384", "12", "6", "1536", "0"}), make};

}  // namespace
}  // namespace tersegrad
