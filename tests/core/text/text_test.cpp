#include "tersegrad/core/text/text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace tersegrad {
namespace {

TEST(Text, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.00 kB");
  EXPECT_EQ(format_bytes(132582.0), "133 kB");
  EXPECT_EQ(format_bytes(4240552.0), "4.24 MB");
  EXPECT_EQ(format_bytes(999999.0), "1.00 MB");
}

TEST(Text, Durations) {
  EXPECT_EQ(format_duration(12e-6), "12.0 µs");
  EXPECT_EQ(format_duration(0.0123), "12.3 ms");
  EXPECT_EQ(format_duration(4.56), "4.56 s");
  EXPECT_EQ(format_duration(125), "2 min 05 s");
  EXPECT_EQ(format_duration(11520), "3 h 12 min");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
}

}  // namespace
}  // namespace tersegrad
