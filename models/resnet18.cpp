// ResNet-18 for small images.
#include "models/network.hpp"
#include "models/shape.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {
namespace {

torch::nn::Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  torch::nn::Conv2d layer(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  torch::nn::init::kaiming_normal_(layer->weight, 0.0, torch::kFanOut, torch::kReLU);
  return layer;
}

/// Two 3×3 convolutions around a shortcut: y = ReLU(BN(conv(ReLU(BN(conv x)))) + shortcut(x)); the shortcut is the
/// identity, or a 1×1 convolution with its own BatchNorm where the shape changes.
class BasicBlock final : public torch::nn::Module {
 public:
  BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride) {
    first_ = register_module("conv1", convolution(in, out, 3, stride));
    first_norm_ = register_module("bn1", torch::nn::BatchNorm2d(out));
    second_ = register_module("conv2", convolution(out, out, 3, 1));
    second_norm_ = register_module("bn2", torch::nn::BatchNorm2d(out));
    if (stride != 1 || in != out) {
      shortcut_ = register_module("shortcut", convolution(in, out, 1, stride));
      shortcut_norm_ = register_module("shortcut_bn", torch::nn::BatchNorm2d(out));
    }
  }

  torch::Tensor forward(const torch::Tensor& x) {
    tell_progress();
    const torch::Tensor inner = first_norm_->forward(first_->forward(x)).relu_();
    tell_progress();
    torch::Tensor y = second_norm_->forward(second_->forward(inner));
    return y.add_(shortcut_ ? shortcut_norm_->forward(shortcut_->forward(x)) : x).relu_();
  }

 private:
  torch::nn::Conv2d first_{nullptr}, second_{nullptr}, shortcut_{nullptr};
  torch::nn::BatchNorm2d first_norm_{nullptr}, second_norm_{nullptr}, shortcut_norm_{nullptr};
};

/// ResNet-18 (He et al. 2016, Table 1) with torchvision's blocks and initialisation, and the stem that 32×32 images
/// want: one 3×3 convolution of stride 1, no pool. d = 11,173,962 on [3, 32, 32] with 10 classes.
///
/// 20 BatchNorms (momentum 0.1, ε = 10⁻⁵): `running_mean` and `running_var` are float buffers, `num_batches_tracked`
/// an int64 one; 9,600 float values in all. A forward in train() mode updates them; gradients do not depend on
/// them; eval() mode reads them.
class ResNet18 final : public Network {
 public:
  ResNet18(const Arguments& arguments, const NetworkShape& shape) {
    const ImageShape image = image_shape(shape, arguments);
    stem_ = register_module("conv1", convolution(image.channels, 64, 3, 1));
    stem_norm_ = register_module("bn1", torch::nn::BatchNorm2d(64));
    std::int64_t in = 64;
    for (std::int64_t stage = 0; stage < 4; ++stage) {
      const std::int64_t out = std::int64_t{64} << stage;
      for (std::int64_t block = 0; block < 2; ++block) {
        const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
        blocks_.push_back(register_module("layer" + std::to_string(stage + 1) + "_" + std::to_string(block),
                                          std::make_shared<BasicBlock>(in, out, stride)));
        in = out;
      }
    }
    output_ = register_module("fc", torch::nn::Linear(in, shape.classes));
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = stem_norm_->forward(stem_->forward(x)).relu_();
    for (auto& block : blocks_) x = block->forward(x);
    return output_->forward(x.mean({2, 3}));
  }

 private:
  torch::nn::Conv2d stem_{nullptr};
  torch::nn::BatchNorm2d stem_norm_{nullptr};
  std::vector<std::shared_ptr<BasicBlock>> blocks_;
  torch::nn::Linear output_{nullptr};
};

const Registration<Network, const NetworkShape&> registration{
    "resnet18", "ResNet-18 for 32 x 32 images, with BatchNorm; d = 11,173,962 on cifar10", {},
    [](const Arguments& arguments, const NetworkShape& shape) {
      return std::make_unique<ResNet18>(arguments, shape);
    }};

}  // namespace
}  // namespace tersegrad
