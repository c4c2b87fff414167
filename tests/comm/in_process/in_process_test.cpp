// The world of threads itself: what it promises beyond MPI, and how its jobs end.
#include "support/in_process.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tersegrad/comm/monitor/watchdog.hpp"
#include "tersegrad/comm/mpi/collectively.hpp"

namespace tersegrad {
namespace {

using namespace testing;

constexpr std::byte one[] = {std::byte{1}};

TEST(InProcess, WhoReliesOnEagerSendsEndsInADeadlockThatNamesWhoWaitsForWhat) {
  const auto both_send_first = [](const Communicator& world) {
    std::byte got[1];
    world.send(one, 1 - world.rank(), 3);
    world.receive(got, 1 - world.rank(), 3);
  };
  EXPECT_TRUE(run_in_process({.ranks = 2}, both_send_first).all_returned());
  const auto end = run_in_process({.ranks = 2, .sends = Sends::synchronous}, both_send_first);
  const std::string text = "deadlock: rank 0 waits for rank 1 to receive tag 3; rank 1 waits for rank 0 to receive tag 3";
  EXPECT_EQ(end.errors, (std::vector<std::string>{text, text}));
}

TEST(InProcess, ADeadlockNamesMessagesCollectiveCallsAndRanksThatHaveEnded) {
  const auto end = run_in_process({.ranks = 4}, [](const Communicator& world) {
    std::byte got[1];
    if (world.rank() == 0) world.receive(got, 2, 7);
    if (world.rank() == 1) world.barrier();
    if (world.rank() == 2) {
      while (!world.probe(any_source, 8)) {
      }
    }
  });
  EXPECT_EQ(end.errors[1], "deadlock: rank 0 waits for a message from rank 2 with tag 7; rank 1 waits for all to call barrier; "
                           "rank 2 waits for a message from any rank with tag 8; rank 3 has ended");
  EXPECT_EQ(end.errors[3], "");
}

TEST(InProcess, ARankThatComputesIsNoDeadlock) {
  const auto end = run_in_process({.ranks = 3}, [](const Communicator& world) {
    if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    world.barrier();
  });
  EXPECT_TRUE(end.all_returned()) << end.errors[0];
}

TEST(InProcess, AJobThatStandsStillEnds) {
  const auto end = run_in_process({.ranks = 2, .patience_s = 2}, [](const Communicator& world) {
    if (world.rank() == 0) world.barrier();
    while (world.rank() == 1) {  // looks too seldom for a deadlock
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      static_cast<void>(world.probe(0, 1));
    }
  });
  EXPECT_EQ(end.errors[0], "nothing has moved for 2 s: rank 0 waits for all to call barrier; rank 1 waits for a message from "
                           "rank 0 with tag 1");
}

TEST(InProcess, ARankThatThrowsEndsTheOthers) {
  for (int bad = 0; bad < 4; ++bad) {
    const auto end = run_in_process({.ranks = 4}, [bad](const Communicator& world) {
      world.barrier();
      if (world.rank() == bad) throw std::runtime_error("disk full\nand more");
      world.barrier();
    });
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(end.errors[static_cast<std::size_t>(rank)], rank == bad ? "disk full" : concat("rank ", bad, ": disk full"));
    }
  }
}

TEST(InProcess, ACollectiveErrorIsEveryRanksOwn) {
  const auto end = run_in_process({.ranks = 3}, [](const Communicator& world) {
    collectively(world, [&] { TERSEGRAD_CHECK(world.rank() != 1, "no such file"); });
  });
  EXPECT_EQ(end.errors, (std::vector<std::string>(3, "rank 1: no such file")));
}

TEST(InProcess, DifferentCollectiveCallsAreNamed) {
  const auto end = run_in_process({.ranks = 2}, [](const Communicator& world) {
    std::int64_t values[2] = {};
    world.barrier();
    if (world.rank() == 0) world.sum(std::span(values).first(1));
    world.sum(std::span<std::int64_t>(values));
  });
  const std::string a = "rank 0 calls sum of integers, 1 values where another rank calls sum of integers, 2 values";
  const std::string b = "rank 1 calls sum of integers, 2 values where another rank calls sum of integers, 1 values";
  EXPECT_TRUE(end.errors[0] == a || end.errors[0] == b) << end.errors[0];
  EXPECT_EQ(end.errors[0], end.errors[1]);
}

TEST(InProcess, AMessageThatChangesBeforeItIsSentIsSeen) {
  const auto end = run_in_process({.ranks = 2, .sends = Sends::synchronous}, [](const Communicator& world) {
    std::byte bytes[4] = {};
    if (world.rank() == 1) return world.receive(bytes, 0, 2);
    Request sent = world.start_send(bytes, 1, 2);
    bytes[3] = std::byte{1};
    world.wait(sent);
  });
  EXPECT_EQ(end.errors[0], "bug: rank 0 has changed a message to rank 1 with tag 2 before it was sent");
}

TEST(InProcess, APlaceThatIsTooShortIsAnError) {
  const auto end = run_in_process({.ranks = 2}, [](const Communicator& world) {
    std::byte bytes[4] = {};
    if (world.rank() == 0) return world.send(bytes, 1, 2);
    world.receive(std::span(bytes).first(3), 0, 2);
  });
  EXPECT_EQ(end.errors[1], "rank 1 receives 4 bytes from rank 0 with tag 2 in a place of 3");
}

TEST(InProcess, WhatNobodyReceivesIsCounted) {
  const auto end = run_in_process({.ranks = 3}, [](const Communicator& world) { world.send(one, 0, 1); });
  EXPECT_TRUE(end.all_returned());
  EXPECT_EQ(end.unreceived, 3u);
}

TEST(InProcess, NodesAreAsLargeAsAskedFor) {
  const auto end = run_in_process({.ranks = 5, .ranks_per_node = 2}, [](const Communicator& world) {
    EXPECT_EQ(world.node_leaders(), (std::vector<int>{0, 0, 2, 2, 4}));
    const auto part = world.split(world.rank() % 2);  // 0 2 4 and 1 3: each on a node of its own
    EXPECT_EQ(part->node_leaders().back(), part->size() - 1);
  });
  EXPECT_TRUE(end.all_returned()) << end.errors[0];
}

/// A watchdog for each rank, in one process.
TEST(InProcess, TheWatchdogOfARankThatIsStuckEndsTheJob) {
  const auto end = run_in_process({.ranks = 3}, [](const Communicator& world) {
    const Watchdog watchdog(world, 2);
    Watchdog::begin_step(7);
    if (world.rank() != 1) world.barrier();
    while (world.rank() == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      static_cast<void>(world.probe(0, 1));  // to learn that the job has ended
    }
  });
  for (const auto& error : end.errors) {
    EXPECT_TRUE(error.starts_with("rank 1: stuck: no progress for 2 s at step 7 (--stall-timeout 2)")) << error;
  }
}

}  // namespace
}  // namespace tersegrad
