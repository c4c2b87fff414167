#include "tersegrad/train/step/optimizer.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

TEST(Optimizer, PlainUpdateIsThePapers) {
  Optimizer optimizer({}, 3);
  std::vector<float> x = {1, -2, 0.5f}, u = {0.5f, 0.25f, -1};
  optimizer.apply(x, 0, u, 0.1);
  EXPECT_EQ(x, (std::vector<float>{1 - 0.1f * 0.5f, -2 - 0.1f * 0.25f, 0.5f + 0.1f}));
  EXPECT_TRUE(optimizer.memory().empty());
}

TEST(Optimizer, MomentumAndWeightDecayFollowLibTorchsConvention) {
  // v1 = g1; v2 = µ v1 + g2 with g = u + λx, x -= ηv: by hand in exact binary fractions.
  Optimizer optimizer({.momentum = 0.5, .weight_decay = 0.25}, 1);
  std::vector<float> x = {4};
  std::vector<float> u = {1};
  optimizer.apply(x, 0, u, 0.5);  // g = 1 + 1 = 2, v = 2, x = 3
  EXPECT_EQ(x[0], 3);
  u = {1};
  optimizer.apply(x, 0, u, 0.5);  // g = 1.75, v = 1 + 1.75 = 2.75, x = 1.625
  EXPECT_EQ(x[0], 1.625f);
  EXPECT_EQ(optimizer.memory()[0], 2.75f);
}

TEST(Optimizer, PartsAddUpToTheWhole) {
  for (const OptimizerOptions options :
       {OptimizerOptions{}, OptimizerOptions{0.9, 0}, OptimizerOptions{0, 0.1}, OptimizerOptions{0.9, 0.1}}) {
    Optimizer whole(options, 5), parts(options, 5);
    std::vector<float> x = {1, 2, 3, 4, 5}, y = x;
    for (int step = 0; step < 3; ++step) {
      const std::vector<float> u = {0.1f, -0.2f, 0.3f, -0.4f, 0.5f};
      whole.apply(x, 0, u, 0.1);
      parts.apply(y, 0, std::span(u).first(2), 0.1);
      parts.apply(y, 2, std::span(u).subspan(2), 0.1);
    }
    EXPECT_EQ(x, y);
  }
}

TEST(Optimizer, RefusesImpossibleOptions) {
  EXPECT_THROW(Optimizer({.momentum = 1}, 1), Error);
  EXPECT_THROW(Optimizer({.momentum = -0.1}, 1), Error);
  EXPECT_THROW(Optimizer({.momentum = 0, .weight_decay = -1}, 1), Error);
}

}  // namespace
}  // namespace tersegrad
