#include "tersegrad/comm/collectively.hpp"

#include <gtest/gtest.h>

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

TEST(Collectively, PassesWhenAllPass) {
  const Communicator world(MPI_COMM_WORLD);
  EXPECT_EQ(failure([&] { collectively(world, [] {}); }), "");
}

TEST(Collectively, OneRanksErrorReachesAllWithItsRank) {
  const Communicator world(MPI_COMM_WORLD);
  for (int bad = 0; bad < world.size(); ++bad) {
    const auto text = failure([&] {
      collectively(world, [&] {
        if (world.rank() == bad) throw Error("no such file\nsecond line");
      });
    });
    EXPECT_EQ(text, world.size() == 1 ? "no such file" : concat("rank ", bad, ": no such file"));
  }
}

TEST(Collectively, SameErrorEverywhereNamesNoRank) {
  const Communicator world(MPI_COMM_WORLD);
  EXPECT_EQ(failure([&] { collectively(world, [] { throw Error("bad option"); }); }), "bad option");
}

TEST(RequireSame, NamesTheRankAndTheLine) {
  const Communicator world(MPI_COMM_WORLD);
  EXPECT_EQ(failure([&] { require_same(world, "a = 1\nlr = 0.1\n", "the options", "fix it"); }), "");
  const int odd = world.size() - 1;
  if (odd == 0) return;
  const auto text = failure(
      [&] { require_same(world, world.rank() == odd ? "a = 1\nlr = 0.2\n" : "a = 1\nlr = 0.1\n", "the options", "fix it"); });
  EXPECT_EQ(text, concat("ranks disagree on the options: rank 0 has 'lr = 0.1', rank ", odd, " has 'lr = 0.2'; fix it"));
}

}  // namespace
}  // namespace tersegrad
