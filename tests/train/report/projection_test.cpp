#include "tersegrad/train/report/projection.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tersegrad/train/report/report.hpp"
#include "tersegrad/train/step/agents.hpp"

namespace tersegrad {
namespace {

RunResult star_of_four() {
  RunResult r;
  r.parameters = 1000000;
  r.agents = 4;
  r.processes = 5;
  r.has_server = true;
  r.steps = 10;
  r.compressor = "sign";
  r.traffic.uplink.add(10 * 4 * 125000, 10 * 4 * 64);
  r.traffic.downlink.add(10 * 4 * 375000, 10 * 4 * 64);
  r.time = {1.0, 0.02, 0.5, 0.01};
  r.total_s = 1.53;
  return r;
}

TEST(Projection, BusiestLinkOfAStarIsTheServers) {
  const auto load = wire_load(star_of_four());
  EXPECT_DOUBLE_EQ(load.this_run, 4 * 125064.0 + 3 * 375064.0);
  EXPECT_DOUBLE_EQ(load.dense_star, 4 * 2 * 4e6);
  EXPECT_DOUBLE_EQ(load.dense_allreduce, 2 * 0.75 * 4e6);
  EXPECT_DOUBLE_EQ(projected_step_s(0.1, 1e6, 1e8), 0.1 + 0.08);
}

TEST(Projection, BreakEvenIsWhereBothStepsAreEqual) {
  const auto r = star_of_four();
  const double rate = break_even_bits_per_s(r);
  const auto load = wire_load(r);
  const double compress = r.time.compress / 10;
  EXPECT_NEAR(projected_step_s(local_step_s(r), load.this_run, rate),
              projected_step_s(local_step_s(r) - compress, load.dense_allreduce, rate), 1e-12);
  auto useless = r;
  useless.traffic.uplink.add(10 * 4 * 4000000, 0);
  EXPECT_EQ(break_even_bits_per_s(useless), 0);
}

TEST(Report, SaysWhetherCompressionPaysOnTheMeasuredLink) {
  auto r = star_of_four();
  const double rate = break_even_bits_per_s(r);
  EXPECT_EQ(savings_report(r).find("The link between"), std::string::npos);  // one rank alone measures none
  r.link.bits_per_s = 0.7 * rate;
  EXPECT_NE(savings_report(r).find("rank 0 and rank 4 carried"), std::string::npos) << savings_report(r);
  EXPECT_NE(savings_report(r).find("there it pays"), std::string::npos);
  r.link.bits_per_s = 1.1 * rate;  // nearer than the break-even is known
  EXPECT_NE(savings_report(r).find("little difference"), std::string::npos);
  r.link.bits_per_s = 1.4 * rate;
  EXPECT_NE(savings_report(r).find("there it does not pay"), std::string::npos);
  r.traffic.uplink.add(10 * 4 * 4000000, 0);
  EXPECT_NE(savings_report(r).find("compression does not pay"), std::string::npos);
}

TEST(Report, SetsCountedBesideMeasuredBytes) {
  auto r = star_of_four();
  r.loss_first = r.loss_last = 1;
  EXPECT_EQ(savings_report(r).find("on the agents' links"), std::string::npos);
  r.links = LinkTraffic{{40000 + 66 * 10, 10, 80000 + 66 * 20, 20}, 40000, 40000};
  EXPECT_DOUBLE_EQ(r.link_sent_bytes_per_step(), 1000);
  EXPECT_DOUBLE_EQ(r.measured_uplink_bytes_per_step(), 1000);
  EXPECT_DOUBLE_EQ(r.measured_downlink_bytes_per_step(), 2000);
  const auto text = savings_report(r);
  EXPECT_NE(text.find("on the agents' links"), std::string::npos);
  EXPECT_NE(text.find("100 %"), std::string::npos) << text;  // received twice what was counted
  r.links->sent = r.links->received = 0;                     // all ranks on one host
  EXPECT_EQ(savings_report(r).find("inf"), std::string::npos);
  EXPECT_EQ(savings_report(r).find("nan"), std::string::npos);
}

TEST(Report, NamesRatiosAndDivergence) {
  auto r = star_of_four();
  r.config.model = "m";
  r.diverged = true;
  const auto text = savings_report(r);
  EXPECT_NE(text.find("32.0×"), std::string::npos) << text;  // 4e6 / 125064
  EXPECT_EQ(text.find("saved"), std::string::npos) << text;
  EXPECT_NE(text.find("DIVERGED"), std::string::npos);
  EXPECT_NE(text.find("100 Gbit/s"), std::string::npos);
}

TEST(Buckets, CoverEverythingInUnitsOf128) {
  for (const std::int64_t total : {1, 127, 128, 129, 1000, 4099}) {
    for (const std::int64_t size : {1, 128, 129, 1000, 1 << 22}) {
      std::int64_t next = 0;
      for (const auto& bucket : cut_into_buckets(total, size)) {
        EXPECT_EQ(bucket.begin, next);
        EXPECT_EQ(bucket.begin % 128, 0);
        EXPECT_GT(bucket.size(), 0);
        next = bucket.end;
      }
      EXPECT_EQ(next, total);
    }
  }
}

}  // namespace
}  // namespace tersegrad
