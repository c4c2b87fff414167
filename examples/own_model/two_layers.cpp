// A model: two affine maps with a ReLU in between. One argument, as on the command line: two-layers:width=32.
#include "models/network.hpp"
#include "tersegrad/core/plugin.hpp"

namespace {

using namespace tersegrad;

class TwoLayers final : public Network {
 public:
  TwoLayers(const NetworkShape& shape, std::int64_t width) {
    std::int64_t inputs = 1;
    for (const auto side : shape.input) inputs *= side;
    first_ = register_module("first", torch::nn::Linear(inputs, width));
    second_ = register_module("second", torch::nn::Linear(width, shape.classes));
  }
  torch::Tensor forward(torch::Tensor x) override { return second_->forward(torch::relu(first_->forward(x.flatten(1)))); }

 private:
  torch::nn::Linear first_{nullptr}, second_{nullptr};
};

const Registration<Network, const NetworkShape&> registration{
    "two-layers", "two affine maps with a ReLU in between", {{"width", "16", "hidden units, from 1 to 4096"}},
    [](const Arguments& arguments, const NetworkShape& shape) {
      return std::make_unique<TwoLayers>(shape, arguments.integer("width", 1, 4096));
    }};

}  // namespace

TERSEGRAD_PLUGIN("two-layers", "1.0")
