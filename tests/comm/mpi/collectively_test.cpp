#include "tersegrad/comm/mpi/collectively.hpp"

#include <gtest/gtest.h>

#include "support/world.hpp"

namespace tersegrad {
namespace {

std::string failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const CollectiveError& error) {
    return error.what();
  }
  return "";
}

TERSEGRAD_WORLD_TEST(Collectively, PassesWhenAllPass) {
  EXPECT_EQ(failure([&] { collectively(world, [] {}); }), "");
}

TERSEGRAD_WORLD_TEST(Collectively, OneRanksErrorReachesAllWithItsRank) {
  for (int bad = 0; bad < world.size(); ++bad) {
    const auto text = failure([&] {
      collectively(world, [&] {
        if (world.rank() == bad) throw Error("no such file 'a\nb'");
      });
    });
    EXPECT_EQ(text, concat(world.size() == 1 ? "" : concat("rank ", bad, ": "), "no such file 'a\\nb'"));
  }
}

TEST(Collectively, AnErrorIsOneLine) {
  EXPECT_EQ(one_line(Error("no folder 'a\nb\n'")), "no folder 'a\\nb\\n'");
  EXPECT_EQ(one_line(std::runtime_error("shapes differ\nException raised from")), "shapes differ");
}

TERSEGRAD_WORLD_TEST(Collectively, SameErrorEverywhereNamesNoRank) {
  EXPECT_EQ(failure([&] { collectively(world, [] { throw Error("bad option"); }); }), "bad option");
}

TERSEGRAD_WORLD_TEST(RequireSame, NamesTheRankAndTheLine) {
  EXPECT_EQ(failure([&] { require_same(world, "a = 1\nlr = 0.1\n", "the options", "fix it"); }), "");
  const int odd = world.size() - 1;
  if (odd == 0) return;
  const auto text = failure([&] {
    require_same(world, world.rank() == odd ? "a = 1\nlr = 0.2\n" : "a = 1\nlr = 0.1\n", "the options", "fix it");
  });
  EXPECT_EQ(text,
            concat("ranks disagree on the options: rank 0 has 'lr = 0.1', rank ", odd, " has 'lr = 0.2'; fix it"));
}

TERSEGRAD_WORLD_TEST(MakeSame, GivesAllRanksTheBytesOfTheFirstAndSendsThemOnlyIfTheyDiffer) {
  for (const std::size_t size : {0u, 1u, 100000u}) {
    const std::vector<std::byte> wanted(size, std::byte{7});
    auto bytes = wanted;
    EXPECT_FALSE(make_same(world, bytes));
    EXPECT_EQ(bytes, wanted);
    if (size == 0) continue;
    for (int odd = 0; odd < world.size(); ++odd) {  // also rank 0 itself
      bytes = wanted;
      if (world.rank() == odd) bytes.back() = std::byte{8};
      EXPECT_EQ(make_same(world, bytes), world.size() > 1);
      EXPECT_EQ(bytes.back(), odd == 0 ? std::byte{8} : std::byte{7}) << odd;
    }
  }
}

}  // namespace
}  // namespace tersegrad
