#include "tersegrad/core/text/digits.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace tersegrad {
namespace {

TEST(Digits, EstimatesHaveTwo) {
  EXPECT_EQ(format_estimate(0.0236), "24 ms");
  EXPECT_EQ(format_estimate(0.0042), "4.2 ms");
  EXPECT_EQ(format_estimate(0.346), "350 ms");
  EXPECT_EQ(format_estimate(1.96e-6), "2.0 µs");
  EXPECT_EQ(format_estimate(9.96), "10 s");
  EXPECT_EQ(format_estimate(125), "2 min 05 s");
  EXPECT_EQ(format_estimate(std::numeric_limits<double>::infinity()), "?");
}

TEST(Digits, RatesHaveAsManyAsAreKnown) {
  EXPECT_EQ(format_rate(314e9, 1), "300 Gbit/s");
  EXPECT_EQ(format_rate(281e9, 1), "300 Gbit/s");
  EXPECT_EQ(format_rate(39.34e9, 2), "39 Gbit/s");
  EXPECT_EQ(format_rate(9.9e7, 1), "100 Mbit/s");
  EXPECT_EQ(format_rate(9.99e8, 1), "1 Gbit/s");
}

TEST(Digits, OneWordForFewerAndItsOpposite) {
  EXPECT_EQ(format_fewer(31.175), "31.2×");
  EXPECT_EQ(format_fewer(1), "1.00×");
  EXPECT_EQ(format_fewer(0.989), "1.01× more");
  EXPECT_EQ(format_fewer(0.9995), "1.00×");
  EXPECT_EQ(format_fewer(0.5), "2.00× more");
  EXPECT_EQ(format_fewer(520.4), "520×");
  EXPECT_EQ(format_fewer(std::numeric_limits<double>::infinity()), "–");
  EXPECT_EQ(format_fewer(std::numeric_limits<double>::quiet_NaN()), "–");
  EXPECT_EQ(format_fewer(0), "–");
}

}  // namespace
}  // namespace tersegrad
