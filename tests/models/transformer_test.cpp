// Attention against its definition, and gradients against finite differences, in double precision.
#include "models/transformer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "models/network.hpp"

namespace tersegrad {
namespace {

torch::Tensor causal(std::int64_t tokens) {
  return torch::full({tokens, tokens}, -std::numeric_limits<double>::infinity(), torch::kDouble).triu(1);
}

/// softmax(Q Kᵀ/√depth) V head by head with plain loops, through the module's own affine maps.
torch::Tensor by_definition(Attention& attention, const torch::Tensor& x, std::int64_t batch, std::int64_t heads,
                            bool masked) {
  const std::int64_t tokens = x.size(0) / batch, width = x.size(1), depth = width / heads;
  const torch::Tensor qkv = attention.qkv->forward(x).detach();
  const auto in = qkv.accessor<double, 2>();
  torch::Tensor mixed = torch::zeros({batch * tokens, width}, torch::kDouble);
  auto out = mixed.accessor<double, 2>();
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < tokens; ++i) {
        std::vector<double> weight(static_cast<std::size_t>(tokens), 0.0);
        double total = 0;
        for (std::int64_t j = 0; j < (masked ? i + 1 : tokens); ++j) {
          double score = 0;
          for (std::int64_t c = h * depth; c < (h + 1) * depth; ++c) {
            score += in[b * tokens + i][c] * in[b * tokens + j][width + c];
          }
          weight[static_cast<std::size_t>(j)] = std::exp(score / std::sqrt(static_cast<double>(depth)));
          total += weight[static_cast<std::size_t>(j)];
        }
        for (std::int64_t j = 0; j < tokens; ++j) {
          for (std::int64_t c = h * depth; c < (h + 1) * depth; ++c) {
            out[b * tokens + i][c] += weight[static_cast<std::size_t>(j)] / total * in[b * tokens + j][2 * width + c];
          }
        }
      }
    }
  }
  return attention.projection->forward(mixed).detach();
}

TEST(Attention, EqualsItsDefinition) {
  for (const std::int64_t tokens : {1, 2, 5}) {
    for (const std::int64_t heads : {1, 2, 6}) {
      for (const bool masked : {false, true}) {
        SCOPED_TRACE(testing::Message() << tokens << " tokens, " << heads << " heads, masked " << masked);
        torch::manual_seed(3);
        Attention attention(12, heads);
        attention.to(torch::kDouble);
        const torch::Tensor x = torch::randn({3 * tokens, 12}, torch::kDouble);
        const torch::Tensor y = attention.forward(x, 3, masked ? causal(tokens) : torch::Tensor());
        EXPECT_LT((y - by_definition(attention, x, 3, heads, masked)).abs().max().item<double>(), 1e-13);
      }
    }
  }
}

/// Every entry of every tensor: |∂f − (f(+h) − f(−h))/2h| small. With h = 10⁻⁵ and f, f′, f‴ of order one the
/// truncation is h²/6 ≈ 2·10⁻¹¹ and the rounding 2⁻⁵³/h ≈ 10⁻¹¹; a wrong term is of order 10⁻².
void expect_gradients(const std::vector<torch::Tensor>& tensors, const std::function<torch::Tensor()>& f) {
  const double h = 1e-5;
  for (const auto& tensor : tensors) {
    if (tensor.grad().defined()) tensor.grad().zero_();
  }
  f().backward();
  torch::NoGradGuard no_grad;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const torch::Tensor values = tensors[t].detach().view(-1), gradient = tensors[t].grad().reshape(-1);
    double* entry = values.data_ptr<double>();
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      const double kept = entry[i];
      entry[i] = kept + h;
      const double above = f().item<double>();
      entry[i] = kept - h;
      const double below = f().item<double>();
      entry[i] = kept;
      ASSERT_NEAR(gradient[i].item<double>(), (above - below) / (2 * h), 1e-8) << "tensor " << t << ", entry " << i;
    }
  }
}

TEST(Attention, GradientEqualsFiniteDifference) {
  for (const std::int64_t tokens : {1, 3}) {
    for (const bool masked : {false, true}) {
      SCOPED_TRACE(testing::Message() << tokens << " tokens, masked " << masked);
      torch::manual_seed(5);
      Attention attention(4, 2);
      attention.to(torch::kDouble);
      const torch::Tensor x = torch::randn({2 * tokens, 4}, torch::dtype(torch::kDouble).requires_grad(true));
      const torch::Tensor direction = torch::randn({2 * tokens, 4}, torch::kDouble);
      std::vector<torch::Tensor> tensors = attention.parameters();
      tensors.push_back(x);
      expect_gradients(tensors, [&] {
        return (attention.forward(x, 2, masked ? causal(tokens) : torch::Tensor()) * direction).sum();
      });
    }
  }
}

TEST(Transformer, WholeModelsHaveTheRightGradient) {
  const auto check = [](const std::string& spec, const NetworkShape& shape, const torch::Tensor& x, std::int64_t rows) {
    SCOPED_TRACE(spec);
    torch::manual_seed(6);
    const std::shared_ptr<Network> network = NetworkRegistry::instance().make(spec, shape);
    network->to(torch::kDouble);
    for (auto& parameter : network->parameters()) {  // of order one, as the tolerance wants (gpt2 starts at 0.02)
      torch::NoGradGuard no_grad;
      parameter.normal_(0.0, 0.5);
    }
    expect_gradients(network->parameters(), [&] {
      const torch::Tensor labels = torch::arange(rows, torch::kLong).remainder(shape.classes);
      return torch::cross_entropy_loss(network->forward(x).flatten(0, -2), labels);
    });
  };
  torch::manual_seed(4);
  check("vit:2:4:2:2:6:5", {{1, 4, 4}, 3}, torch::randn({2, 1, 4, 4}, torch::kDouble), 2);
  check("vit:4:4:1:2:6:0", {{1, 4, 4}, 3}, torch::randn({2, 1, 4, 4}, torch::kDouble), 2);
  check("gpt2:2:2:4:5:7", {{5}, 7}, torch::randint(7, {2, 5}, torch::kLong), 10);
  check("mlp:2:5:tanh", {{4}, 3}, torch::randn({2, 4}, torch::kDouble), 2);
}

}  // namespace
}  // namespace tersegrad
