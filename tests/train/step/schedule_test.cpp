#include "tersegrad/train/step/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tersegrad {
namespace {

TEST(LearningRate, ConstantIsTheDefaultBehaviour) {
  const LearningRate rate(0.1, 100, 0, "constant");
  EXPECT_EQ(rate.at(0), 0.1);
  EXPECT_EQ(rate.at(99), 0.1);
}

TEST(LearningRate, WarmUpIsLinearAndEndsAtTheFullRate) {
  const LearningRate rate(0.4, 100, 4, "constant");
  EXPECT_DOUBLE_EQ(rate.at(0), 0.1);
  EXPECT_DOUBLE_EQ(rate.at(1), 0.2);
  EXPECT_DOUBLE_EQ(rate.at(3), 0.4);
  EXPECT_DOUBLE_EQ(rate.at(4), 0.4);
}

TEST(LearningRate, CosineRunsOverTheStepsBehindTheWarmUp) {
  const LearningRate rate(1, 110, 10, "cosine:0.2");
  EXPECT_DOUBLE_EQ(rate.at(10), 1);
  EXPECT_NEAR(rate.at(60), 0.6, 1e-12);
  EXPECT_NEAR(rate.at(109), 0.2 + 0.4 * (1 + std::cos(std::acos(-1.0) * 0.99)), 1e-12);
}

TEST(LearningRate, StepsMultiply) {
  const LearningRate rate(1, 100, 0, "step:30:0.5");
  EXPECT_EQ(rate.at(29), 1);
  EXPECT_EQ(rate.at(30), 0.5);
  EXPECT_EQ(rate.at(90), 0.125);
}

TEST(LearningRate, RefusesNonsense) {
  for (const double lr : {0.0, -1.0, std::nan(""), HUGE_VAL}) EXPECT_THROW(LearningRate(lr, 1, 0, "constant"), Error);
  for (const char* bad : {"linear", "step", "step:0", "cosine:2", "constant:1"}) {
    EXPECT_THROW(LearningRate(1, 1, 0, bad), Error) << bad;
  }
}

}  // namespace
}  // namespace tersegrad
