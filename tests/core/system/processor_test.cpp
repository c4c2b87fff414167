#include "tersegrad/core/system/processor.hpp"

#include <gtest/gtest.h>

#include <cfenv>
#include <limits>
#include <thread>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

namespace tersegrad {
namespace {

/// A product that is subnormal, made when it runs.
float subnormal_product() {
  volatile float small = std::numeric_limits<float>::min(), half = 0.5f;
  return small * half;
}

TEST(Processor, HasAKind) {
  EXPECT_NE(processor_kind(), "");
  EXPECT_EQ(processor_kind().find('\n'), std::string::npos);
}

TEST(Processor, TheDefaultFloatEnvironmentIsSetWhateverWasBefore) {
  const auto check = [] {
    use_default_float_environment();
    EXPECT_GT(subnormal_product(), 0.0f);
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
  };
  std::fesetround(FE_DOWNWARD);
  check();
#ifdef __SSE2__
  for (const unsigned mode : {0x8000u, 0x0040u, 0x8040u}) {
    _mm_setcsr(_mm_getcsr() | mode);
    if ((mode & 0x8000u) != 0) {
      EXPECT_EQ(subnormal_product(), 0.0f);
    }
    check();
  }
#endif
  std::thread([&] { EXPECT_GT(subnormal_product(), 0.0f); }).join();
}

}  // namespace
}  // namespace tersegrad
