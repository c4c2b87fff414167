// The sentences of a noise report follow from intervals.
#include "tersegrad/train/report/noise_verdict.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace tersegrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

RunResult with_tail(double low, double nu, double high) {
  RunResult r;
  r.agents = 4;
  r.parameters = 1000;
  r.noise_reports = 1;
  r.config.lr = 0.1;
  auto& m = r.noise_measured;
  m.step = 10;
  m.tail = {nu, low, high};
  m.sigma = m.sigma_low = m.sigma_high = 0.5;
  m.trace = 250;
  m.snr_median = 0.5;
  m.snr_floor = 0.1;
  m.psi = 5;
  m.phase1 = m.phase2 = 0.1;
  m.phase3 = 0.8;
  m.still = m.irregular = 0;
  return r;
}

bool says(const RunResult& r, const std::string& text) { return noise_verdict(r).find(text) != std::string::npos; }

TEST(NoiseVerdict, NothingWithoutAReport) { EXPECT_EQ(noise_verdict(RunResult()), ""); }

TEST(NoiseVerdict, TheIntervalOfNuDecides) {
  EXPECT_TRUE(says(with_tail(0, 0.5, 0.8), "this noise has no mean"));
  EXPECT_TRUE(says(with_tail(0, 0.5, 0.8), "≤ 0.5"));
  EXPECT_TRUE(says(with_tail(1.4, 1.6, 1.9), "this noise has no variance"));
  EXPECT_FALSE(says(with_tail(1.4, 1.6, 1.9), "Δ > 0"));  // no ω is affordable
  EXPECT_TRUE(says(with_tail(1.8, 2.1, 2.4), "do not tell whether this noise has a variance"));
  EXPECT_FALSE(says(with_tail(1.8, 2.1, 2.4), "this noise has a variance, so"));
  EXPECT_TRUE(says(with_tail(2.8, 3.1, 3.4), "this noise has a variance, so"));
  EXPECT_TRUE(says(with_tail(30, infinity, infinity), "30 to inf"));
  EXPECT_TRUE(says(with_tail(infinity, infinity, infinity), "lighter than Gaussian"));
}

TEST(NoiseVerdict, OmegaFollowsTheorem37) {
  // Δ = 1 − ηL²ω/(2µN) > 0 at η = 0.1, N = 4: ω < 80 µ/L².
  auto r = with_tail(2.8, 3.1, 3.4);
  EXPECT_TRUE(says(r, "needs ω < 80 µ/L²"));
  EXPECT_FALSE(says(r, "This run's"));
  r.compressor = "randk:100";
  r.omega = 9;
  EXPECT_TRUE(
      says(r, "This run's randk:100 has ω = 9: a loss 10 times the uncompressed, and Δ > 0 only if L²/µ < 8.89"));
}

TEST(NoiseVerdict, PhasesAndCaveats) {
  auto r = with_tail(2.8, 3.1, 3.4);
  EXPECT_TRUE(says(r, "Most coordinates are in phase 3"));
  EXPECT_FALSE(says(r, "upper limit"));
  r.noise_measured.snr_floor = 0.3;
  EXPECT_TRUE(says(r, "upper limit"));
  r.noise_measured.phase1 = 0.9;
  EXPECT_TRUE(says(r, "Most coordinates are in phase 1"));
  EXPECT_TRUE(says(r, "A finite data set bounds"));
  r.config.batch = 0;
  EXPECT_FALSE(says(r, "A finite data set bounds"));
  EXPECT_FALSE(says(r, "momentum"));
  r.config.momentum = 0.9;
  EXPECT_TRUE(says(r, "without momentum"));
  EXPECT_FALSE(says(r, "Left-out"));
  r.noise_measured.irregular = 0.1;
  EXPECT_TRUE(says(r, "Left-out"));
  r.noise_measured = NoiseMeasurement();
  EXPECT_TRUE(says(r, "nothing was fitted"));
}

}  // namespace
}  // namespace tersegrad
