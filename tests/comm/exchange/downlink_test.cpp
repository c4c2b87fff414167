// The tree by which an aggregate comes back, among ranks of this process.
#include "tersegrad/comm/exchange/downlink.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>

#include "support/in_process.hpp"
#include "tersegrad/comm/mpi/backoff.hpp"

namespace tersegrad {
namespace {

using namespace testing;

constexpr std::uint64_t step = 9;

Expected expected_of(std::uint32_t bucket, int ranks) {
  return {MessageKind::aggregate, step, {bucket, 0, 1000}, static_cast<std::uint32_t>(ranks), 0, 1u << 20};
}

std::byte value(std::uint32_t bucket, std::size_t i) { return static_cast<std::byte>(13 * bucket + i); }

/// The aggregate of bucket `bucket`, as its root has it.
Message aggregate_of(std::uint32_t bucket, int ranks, std::size_t length) {
  Message aggregate;
  aggregate.payload.resize(length);
  for (std::size_t i = 0; i < length; ++i) aggregate.payload[i] = value(bucket, i);
  identify(aggregate.header, expected_of(bucket, ranks));
  aggregate.header.payload_bytes = length;
  return aggregate;
}

/// Ranks in the subtree of `rank`, itself among them.
int subtree(int rank, int size, int root) {
  int count = 1;
  for (const int child : binomial_place(rank, size, root).children) count += subtree(child, size, root);
  return count;
}

/// The farthest first; of 2^n ranks it has the largest subtree, half of its parent's.
TEST(BinomialPlace, ChildrenComeInTheOrderOfTheirDistance) {
  for (int size = 1; size <= 17; ++size) {
    for (int root = 0; root < size; ++root) {
      EXPECT_EQ(subtree(root, size, root), size);
      for (int rank = 0; rank < size; ++rank) {
        const auto children = binomial_place(rank, size, root).children;
        int before = size, subtree_before = size;
        for (const int child : children) {
          const int distance = (child - rank + size) % size, below = subtree(child, size, root);
          EXPECT_LT(distance, before) << "child " << child << " of " << rank << ", " << size << " ranks, root " << root;
          EXPECT_EQ(distance & (distance - 1), 0);
          before = distance;
          if ((size & (size - 1)) != 0) continue;
          EXPECT_LT(below, subtree_before) << "child " << child << " of " << rank << ", " << size << " ranks, root " << root;
          subtree_before = below;
        }
      }
    }
  }
}

/// Every rank is the root of one bucket, all under way together. \return how it ended; aggregates are compared
InProcessEnd broadcast_all(const InProcessOptions& options, std::size_t length, bool verify) {
  return run_in_process(options, [&](const Communicator& world) {
    const auto buckets = static_cast<std::uint32_t>(world.size());
    std::vector<Message> aggregates(buckets);
    std::vector<std::unique_ptr<Downlink>> downs;
    for (std::uint32_t b = 0; b < buckets; ++b) {
      const int root = static_cast<int>(b);
      if (root == world.rank()) aggregates[b] = aggregate_of(b, world.size(), length);
      downs.push_back(std::make_unique<Downlink>(world, binomial_place(world.rank(), world.size(), root),
                                                 expected_of(b, world.size()), aggregates[b], verify));
      EXPECT_FALSE(downs.back()->done());
    }
    downs[static_cast<std::size_t>(world.rank())]->release();
    for (Backoff backoff;;) {
      bool moved = false, done = true;
      for (auto& down : downs) {
        moved |= down->progress();
        done &= down->done();
      }
      if (done) break;
      moved ? backoff.reset() : backoff.pause();
    }
    for (std::uint32_t b = 0; b < buckets; ++b) {
      ASSERT_EQ(aggregates[b].payload.size(), length);
      for (std::size_t i = 0; i < length; ++i) ASSERT_EQ(aggregates[b].payload[i], value(b, i)) << b << ' ' << i;
    }
  });
}

TEST(Downlink, ReachesEveryRankFromEveryRoot) {
  for (int ranks = 1; ranks <= 17; ++ranks) {
    for (const Sends sends : {Sends::eager, Sends::synchronous}) {
      const auto end = broadcast_all({.ranks = ranks, .sends = sends}, sends == Sends::eager ? 1000 : 0, ranks % 2 == 0);
      EXPECT_TRUE(end.all_returned()) << end.errors[0];
      EXPECT_EQ(end.unreceived, 0u);
    }
  }
}

TEST(Downlink, HandsOnToTheFirstChildFirstAndTheHeaderBeforeThePayload) {
  constexpr int ranks = 8;
  std::mutex mutex;
  std::map<std::pair<int, std::uint32_t>, std::vector<std::pair<int, Channel>>> sent;  // by sender and bucket
  const auto note = [&](int from, int to, int tag, std::vector<std::byte>&) {
    const std::lock_guard lock(mutex);
    const auto place = static_cast<std::uint32_t>(tag - first_bucket_tag);
    sent[{from, place / channels}].push_back({to, static_cast<Channel>(place % channels)});
  };
  EXPECT_TRUE(broadcast_all({.ranks = ranks, .wire = note}, 100, true).all_returned());
  for (int root = 0; root < ranks; ++root) {
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<std::pair<int, Channel>> expected;
      for (const int child : binomial_place(rank, ranks, root).children) {
        expected.push_back({child, Channel::aggregate_header});
        expected.push_back({child, Channel::aggregate_payload});
      }
      EXPECT_EQ((sent[{rank, static_cast<std::uint32_t>(root)}]), expected) << "rank " << rank << " of root " << root;
    }
  }
}

/// One aggregate from `root`; the wire is at fault between `from` and `to`.
std::vector<std::string> fault(int ranks, int root, int from, int to, bool verify,
                               const std::function<void(Channel, std::vector<std::byte>&)>& damage,
                               std::vector<std::byte>* last_bytes = nullptr) {
  InProcessOptions options{.ranks = ranks};
  options.wire = [&](int sender, int receiver, int tag, std::vector<std::byte>& bytes) {
    if (sender == from && receiver == to) damage(static_cast<Channel>((tag - first_bucket_tag) % channels), bytes);
  };
  return run_in_process(options, [&](const Communicator& world) {
           Message aggregate;
           if (world.rank() == root) aggregate = aggregate_of(5, ranks, 100);
           Downlink down(world, binomial_place(world.rank(), ranks, root), expected_of(5, ranks), aggregate, verify);
           if (world.rank() == root) down.release();
           for (Backoff backoff; !down.done(); backoff.pause()) down.progress();
           if (last_bytes != nullptr) (*last_bytes)[static_cast<std::size_t>(world.rank())] = aggregate.payload[40];
         })
      .errors;
}

TEST(Downlink, ADamagedAggregateIsSeenByTheNextRankWhichNamesItsParent) {
  constexpr int ranks = 8, root = 3;
  for (int rank = 0; rank < ranks; ++rank) {
    const int parent = binomial_place(rank, ranks, root).parent;
    if (parent < 0) continue;
    for (const Channel damaged : {Channel::aggregate_header, Channel::aggregate_payload}) {
      const auto errors = fault(ranks, root, parent, rank, true, [&](Channel channel, std::vector<std::byte>& bytes) {
        if (channel == damaged) bytes[channel == Channel::aggregate_header ? offsetof(Header, loss) : 40] ^= std::byte{8};
      });
      EXPECT_TRUE(errors[static_cast<std::size_t>(rank)].starts_with(
          concat("message from rank ", parent, " (of agents: 8) at step 9, bucket 5 has checksum")))
          << rank << ": " << errors[static_cast<std::size_t>(rank)];
    }
  }
}

TEST(Downlink, AWrongHeaderOrLengthNamesItsParent) {
  const auto late = fault(8, 0, 4, 6, true, [](Channel channel, std::vector<std::byte>& bytes) {
    if (channel == Channel::aggregate_header) bytes[offsetof(Header, step)] = std::byte{8};
  });
  EXPECT_EQ(late[6], "message from rank 4 (agent 8) at step 9, bucket 5 has step 8 (expected 9)");
  const auto cut = fault(8, 0, 4, 6, true, [](Channel channel, std::vector<std::byte>& bytes) {
    if (channel == Channel::aggregate_payload) bytes.resize(60);
  });
  EXPECT_EQ(cut[6], "aggregate from rank 4 at step 9, bucket 5: rank 4 sent 60 bytes (announced 100)");
}

TEST(Downlink, WithoutChecksumsTheDamageGoesDownTheTreeAndNowhereElse) {
  constexpr int ranks = 8;
  std::vector<std::byte> got(ranks);
  const auto errors = fault(ranks, 0, 0, 4, false, [](Channel channel, std::vector<std::byte>& bytes) {
    if (channel == Channel::aggregate_payload) bytes[40] ^= std::byte{8};
  }, &got);
  for (int rank = 0; rank < ranks; ++rank) {
    EXPECT_EQ(errors[static_cast<std::size_t>(rank)], "");
    const bool below = rank >= 4;  // the subtree of rank 4
    EXPECT_EQ(got[static_cast<std::size_t>(rank)], value(5, 40) ^ (below ? std::byte{8} : std::byte{0})) << rank;
  }
}

TEST(Downlink, NothingLeavesTheRootBeforeItIsReleased) {
  std::atomic<int> sent = 0;
  InProcessOptions options{.ranks = 4};
  options.wire = [&](int, int, int, std::vector<std::byte>&) { ++sent; };
  const auto end = run_in_process(options, [&](const Communicator& world) {
    Message aggregate;
    if (world.rank() == 0) aggregate = aggregate_of(5, 4, 100);
    Downlink down(world, binomial_place(world.rank(), 4, 0), expected_of(5, 4), aggregate, true);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(down.progress());
    world.barrier();
    EXPECT_EQ(sent, 0);
    EXPECT_FALSE(down.done());
    world.barrier();
    if (world.rank() == 0) down.release();
    for (Backoff backoff; !down.done(); backoff.pause()) down.progress();
  });
  EXPECT_TRUE(end.all_returned()) << end.errors[0];
  EXPECT_EQ(sent, 6);
}

}  // namespace
}  // namespace tersegrad
