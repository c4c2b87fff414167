// The sink `minutes`: when it speaks, and what it says.
#include "tersegrad/log/sinks/minutes.hpp"

#include <gtest/gtest.h>

namespace tersegrad {
namespace {

TEST(MinuteLines, SpeakOnceAMinute) {
  MinuteLines lines("fig2: vit-0", 1000, 100);
  int said = 0;
  for (int step = 1; step <= 1000; ++step) {
    const auto line = lines.at(step, 0.5, 100 + 0.4 * step);
    said += line.has_value();
    if (step == 150) {
      EXPECT_EQ(line.value_or(""), "fig2: vit-0: step 150 of 1000, loss 0.5, about 5 min 40 s left in this run");
    }
  }
  EXPECT_EQ(said, 6);
  EXPECT_FALSE(MinuteLines("short", 10, 0).at(10, 1, 59).has_value());
}

}  // namespace
}  // namespace tersegrad
