// How the figures' runs are numbered, dealt out to groups of ranks, and spoken of while they last.
#include "apps/reproduce/runs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "apps/reproduce/figures/networks.hpp"
#include "apps/reproduce/progress.hpp"

namespace tersegrad {
namespace {

TEST(Repeat, GivesEveryRunASeedOfItsOwnAndOneStart) {
  const Setting a{"a", "", "", {}}, b{"b", "", "", {}};
  std::set<std::uint64_t> seeds;
  std::set<std::string> names;
  for (const auto& run : repeat({a, b}, 3)) {
    seeds.insert(run.config.seed);
    names.insert(run.name);
    EXPECT_EQ(run.config.init_seed, TrainConfig().init_seed);
  }
  EXPECT_EQ(seeds.size(), 6u);
  EXPECT_EQ(names, (std::set<std::string>{"a-0", "a-1", "a-2", "b-0", "b-1", "b-2"}));
}

TEST(Assignment, GivesEveryRunToOneGroupAndBalancesEachModel) {
  for (const std::size_t groups : {1, 2, 3, 7}) {
    std::vector<FigureRun> runs;
    for (const char* model : {"vit", "resnet"}) {
      for (int i = 0; i < 24; ++i) {
        runs.push_back({"", {}});
        runs.back().config.model = model;
        runs.back().config.steps = 100;
        runs.back().config.agents = 1 + i % 9;
      }
    }
    const auto dealt = assign_runs(runs, groups);
    ASSERT_EQ(dealt.size(), groups);
    std::vector<std::size_t> all;
    std::vector<double> vit;
    for (const auto& hand : dealt) {
      vit.push_back(0);
      for (const std::size_t i : hand) {
        all.push_back(i);
        if (i < 24) vit.back() += 4 + static_cast<double>(runs[i].config.agents);
      }
      EXPECT_TRUE(std::is_sorted(hand.begin(), hand.end()));
    }
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), runs.size());
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i);
    // Greedy from the largest on: no two groups further apart than one run.
    EXPECT_LE(*std::max_element(vit.begin(), vit.end()) - *std::min_element(vit.begin(), vit.end()), 13);
  }
}

TEST(RunTurn, EstimatesByWorkAndCountsTheRunsThatComeLater) {
  RunTurn turn("fig8", 3, 10, 18);
  EXPECT_EQ(turn.finished("a", 8, "", 40, 40), "fig8: a, 40.0 s; run 1 of 3, about 10.0 s left, then 18 of networks");
  EXPECT_EQ(turn.finished("b", 1, ", diverged", 5, 45),
            "fig8: b, 5.00 s, diverged; run 2 of 3, about 5.00 s left, then 18 of networks");
  EXPECT_EQ(turn.finished("c", 1, "", 5, 50), "fig8: c, 5.00 s; run 3 of 3, then 18 of networks");
  RunTurn alone("fig5", 1, 1, 0);
  EXPECT_EQ(alone.finished("a", 1, "", 1, 1), "fig5: a, 1.00 s; run 1 of 1");
}

}  // namespace
}  // namespace tersegrad
