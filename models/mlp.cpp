// The multilayer perceptron; by default the paper's network for Breast Cancer.
#include <map>

#include "models/network.hpp"
#include "tersegrad/core/progress.hpp"

namespace tersegrad {
namespace {

using Activation = torch::Tensor (*)(const torch::Tensor&);

const std::map<std::string, Activation> activations{
    {"relu", [](const torch::Tensor& x) { return torch::relu(x); }},
    {"gelu", [](const torch::Tensor& x) { return torch::gelu(x); }},
    {"sigmoid", [](const torch::Tensor& x) { return torch::sigmoid(x); }},
    {"softplus", [](const torch::Tensor& x) { return torch::softplus(x); }},
    {"tanh", [](const torch::Tensor& x) { return torch::tanh(x); }},
};

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const auto& [name, function] : activations) names.push_back(name);
  return names;
}

/// `depth` hidden layers of `width` neurons, each an affine map and an activation, then an affine map to the logits:
///
///   d = (inputs + 1)·width + (depth − 1)·(width + 1)·width + (width + 1)·classes,   (inputs + 1)·classes for depth 0.
///
/// The default is the network of the paper's Figure 1 (F.1, "DNN on Breast Cancer"). Its text says "10 dense layers
/// with 20 neurons", its count says d = 1502; 30 inputs, 2 classes and ten layers of 20 have 4442 parameters, three
/// have 620 + 420 + 420 + 42 = 1502. The count decides here; `mlp:10` is the text's.
class MultilayerPerceptron final : public Network {
 public:
  MultilayerPerceptron(const Arguments& arguments, const NetworkShape& shape)
      : activation_(activations.at(arguments.one_of("activation", activation_names()))) {
    const std::int64_t depth = arguments.integer("depth", 0, 1000);
    const std::int64_t width = arguments.integer("width", 1, 1 << 20);
    std::int64_t inputs = 1;
    for (const auto side : shape.input) inputs *= side;
    for (std::int64_t layer = 0; layer < depth; ++layer) {
      hidden_.push_back(register_module("hidden" + std::to_string(layer), torch::nn::Linear(inputs, width)));
      inputs = width;
    }
    output_ = register_module("output", torch::nn::Linear(inputs, shape.classes));
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = x.flatten(1);
    for (auto& layer : hidden_) {
      tell_progress();
      x = activation_(layer->forward(x));
    }
    return output_->forward(x);
  }

 private:
  Activation activation_;
  std::vector<torch::nn::Linear> hidden_;
  torch::nn::Linear output_{nullptr};
};

const Registration<Network, const NetworkShape&> registration{
    "mlp",
    "multilayer perceptron; default: the paper's 30-20-20-20-2, d = 1502, on breast-cancer",
    {{"depth", "3", "hidden layers, 0 to 1000"},
     {"width", "20", "neurons of each hidden layer"},
     {"activation", "relu", "one of: " + join(activation_names())}},
    [](const Arguments& arguments, const NetworkShape& shape) {
      return std::make_unique<MultilayerPerceptron>(arguments, shape);
    }};

}  // namespace
}  // namespace tersegrad
