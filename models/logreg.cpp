// Multinomial logistic regression: one affine map from the flattened input to the logits; d = classes · (inputs + 1).
#include "models/network.hpp"

namespace tersegrad {
namespace {

class LogisticRegression final : public Network {
 public:
  explicit LogisticRegression(const NetworkShape& shape) {
    std::int64_t inputs = 1;
    for (const auto side : shape.input) inputs *= side;
    linear_ = register_module("linear", torch::nn::Linear(inputs, shape.classes));
  }
  torch::Tensor forward(torch::Tensor x) override { return linear_->forward(x.flatten(1)); }

 private:
  torch::nn::Linear linear_{nullptr};
};

const Registration<Network, const NetworkShape&> registration{
    "logreg", "multinomial logistic regression", {},
    [](const Arguments&, const NetworkShape& shape) { return std::make_unique<LogisticRegression>(shape); }};

}  // namespace
}  // namespace tersegrad
