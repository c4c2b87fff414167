#include "tersegrad/compress/kernels/sign/planes.hpp"

#include <algorithm>
#include <memory>

#include "compress/kernels/kernels.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad::kernels {
namespace {

using namespace testing;
using Plane = std::vector<std::byte>;

/// Planes at awkward addresses.
class Planes {
 public:
  Planes(std::size_t count, std::size_t bytes) {
    for (std::size_t i = 0; i < count; ++i) planes_.push_back(std::make_unique<Guarded<std::byte>>(bytes, 5 * i % 67));
  }
  std::vector<std::byte*> out() {
    std::vector<std::byte*> pointers;
    for (auto& plane : planes_) pointers.push_back(plane->span().data());
    return pointers;
  }
  std::vector<const std::byte*> in() {
    const auto pointers = out();
    return {pointers.begin(), pointers.end()};
  }
  std::span<std::byte> operator[](std::size_t i) { return planes_[i]->span(); }
  std::size_t size() const { return planes_.size(); }
  bool guards_survive() const {
    return std::all_of(planes_.begin(), planes_.end(), [](const auto& plane) { return plane->guards_survive(); });
  }

 private:
  std::vector<std::unique_ptr<Guarded<std::byte>>> planes_;
};

::testing::AssertionResult same(Planes& a, Planes& b) {
  for (std::size_t p = 0; p < a.size(); ++p) {
    const auto result = same_bytes<std::byte>(a[p], b[p]);
    if (!result) return ::testing::AssertionFailure() << "plane " << p << ": " << result.message();
  }
  return ::testing::AssertionSuccess();
}

/// Random votes; `crowd` of 4 makes bits mostly 1, 0 mostly 0, so that high and low counts occur.
void fill_random(std::span<std::byte> plane, Sequence& random, unsigned crowd) {
  for (auto& byte : plane) {
    std::uint32_t bits = random();
    if (crowd == 0) bits &= random() & random();
    if (crowd == 4) bits |= random() | random();
    byte = static_cast<std::byte>(bits);
  }
}

std::int64_t count_at(Planes& planes, std::size_t j) {
  std::int64_t count = 0;
  for (std::size_t p = 0; p < planes.size(); ++p) {
    count += std::to_integer<std::int64_t>(planes[p][j / 8] >> (j % 8) & std::byte{1}) << p;
  }
  return count;
}

TEST(PlanesFor, IsCeilLog2OfTheNumberOfValues) {
  EXPECT_EQ(planes_for(0), 1);
  EXPECT_EQ(planes_for(1), 1);
  EXPECT_EQ(planes_for(2), 2);
  EXPECT_EQ(planes_for(3), 2);
  EXPECT_EQ(planes_for(4), 3);
  EXPECT_EQ(planes_for(1024), 11);
  for (std::int64_t v = 1; v < 5000; ++v) {
    EXPECT_GT(std::int64_t{1} << planes_for(v), v);
    EXPECT_LE(std::int64_t{1} << (planes_for(v) - 1), v);
  }
}

TEST(CountVotes, HandCount) {
  const Plane a{std::byte{0b0111}}, b{std::byte{0b0011}}, c{std::byte{0b0001}};
  const std::vector<const std::byte*> in{a.data(), b.data(), c.data()};
  Plane low(1), high(1);
  std::byte* out[] = {low.data(), high.data()};
  on_every_target([&] {
    count_votes(in, 1, out, 2);
    EXPECT_EQ(low[0], std::byte{0b0101});   // counts 3, 2, 1, 0 from bit 0 on
    EXPECT_EQ(high[0], std::byte{0b0011});
  });
}

struct Case {
  std::size_t agents;
  std::size_t bytes;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (std::size_t agents = 0; agents <= 40; ++agents) {
    for (const std::size_t bytes : {0u, 1u, 15u, 16u, 17u, 33u, 63u, 64u, 65u, 130u}) all.push_back({agents, bytes});
  }
  for (const std::size_t agents : {64u, 100u, 127u, 128u, 255u, 256u, 1000u, 1024u}) {
    all.push_back({agents, 67});
    all.push_back({agents, 128});
  }
  for (const std::size_t bytes : {4096u, 8191u, 8192u, 8193u, 8255u, 8256u, 16400u}) {
    all.push_back({3, bytes});
    all.push_back({11, bytes});
  }
  return all;
}

TEST(CountVotes, EqualsReferenceOnEveryTarget) {
  for (const auto [agents, bytes] : cases()) {
    SCOPED_TRACE(::testing::Message() << agents << " agents, " << bytes << " bytes");
    Sequence random({.seed = agents * 1000 + bytes});
    Planes in(agents, bytes);
    for (std::size_t i = 0; i < agents; ++i) fill_random(in[i], random, agents % 5);
    const int planes = planes_for(static_cast<std::int64_t>(agents));
    Planes want(static_cast<std::size_t>(planes), bytes);
    reference::count_votes(in.in(), bytes, want.out().data(), planes);
    on_every_target([&] {
      Planes out(static_cast<std::size_t>(planes), bytes);
      count_votes(in.in(), bytes, out.out().data(), planes);
      EXPECT_TRUE(same(out, want));
      EXPECT_TRUE(out.guards_survive());
    });
  }
}

TEST(CountVotes, WrapsOrPadsWhenGivenOtherPlanes) {
  constexpr std::size_t agents = 21, bytes = 70;
  Sequence random({.seed = 5});
  Planes in(agents, bytes);
  for (std::size_t i = 0; i < agents; ++i) fill_random(in[i], random, 4);
  for (const int planes : {1, 2, 3, 4, 9}) {
    Planes want(static_cast<std::size_t>(planes), bytes);
    reference::count_votes(in.in(), bytes, want.out().data(), planes);
    on_every_target([&] {
      Planes out(static_cast<std::size_t>(planes), bytes);
      count_votes(in.in(), bytes, out.out().data(), planes);
      EXPECT_TRUE(same(out, want)) << planes;
      EXPECT_TRUE(out.guards_survive());
    });
  }
}

TEST(CountVotes, DoesNotDependOnTheOrderOfAgents) {
  constexpr std::size_t agents = 13, bytes = 200;
  Sequence random({.seed = 6});
  Planes in(agents, bytes);
  for (std::size_t i = 0; i < agents; ++i) fill_random(in[i], random, 2);
  Planes want(4, bytes), out(4, bytes);
  auto order = in.in();
  count_votes(order, bytes, want.out().data(), 4);
  for (int i = 0; i < 20; ++i) {
    shuffle(std::span(order), random);
    count_votes(order, bytes, out.out().data(), 4);
    EXPECT_TRUE(same(out, want));
  }
}

TEST(CountVotesWithZeros, EqualsReferenceOnEveryTarget) {
  for (const auto [agents, bytes] : cases()) {
    for (const unsigned with_zeros : {0u, 1u, 2u, 4u}) {  // of 4 agents
      if (agents > 100 && with_zeros % 2 == 0) continue;
      SCOPED_TRACE(concat(agents, " agents, ", bytes, " bytes, ", with_zeros, " of 4 with zeros"));
      Sequence random({.seed = agents * 1000 + bytes + with_zeros});
      Planes signs(agents, bytes), zeros(agents, bytes);
      auto zero_pointers = zeros.in();
      for (std::size_t i = 0; i < agents; ++i) {
        fill_random(signs[i], random, agents % 5);
        fill_random(zeros[i], random, bytes % 5);
        if (random.below(4) >= with_zeros) {
          zero_pointers[i] = nullptr;
        } else {
          for (std::size_t b = 0; b < bytes; ++b) signs[i][b] &= ~zeros[i][b];
        }
      }
      const int planes = planes_for(2 * static_cast<std::int64_t>(agents));
      Planes want(static_cast<std::size_t>(planes), bytes);
      reference::count_votes_with_zeros(signs.in(), zero_pointers, bytes, want.out().data(), planes);
      on_every_target([&] {
        Planes out(static_cast<std::size_t>(planes), bytes);
        count_votes_with_zeros(signs.in(), zero_pointers, bytes, out.out().data(), planes);
        EXPECT_TRUE(same(out, want));
        EXPECT_TRUE(out.guards_survive());
      });
    }
  }
}

// A message that sets both bits of a coordinate is not a vote; it must stay a wrong number.
TEST(CountVotesWithZeros, InconsistentInputsStayInBounds) {
  constexpr std::size_t bytes = 100;
  for (const std::size_t agents : {1u, 2u, 5u, 8u, 16u, 17u}) {
    Planes ones(agents, bytes);
    for (std::size_t i = 0; i < agents; ++i) std::fill(ones[i].begin(), ones[i].end(), std::byte{0xff});
    const int planes = planes_for(2 * static_cast<std::int64_t>(agents));
    Planes want(static_cast<std::size_t>(planes), bytes);
    reference::count_votes_with_zeros(ones.in(), ones.in(), bytes, want.out().data(), planes);
    on_every_target([&] {
      Planes out(static_cast<std::size_t>(planes), bytes);
      count_votes_with_zeros(ones.in(), ones.in(), bytes, out.out().data(), planes);
      EXPECT_TRUE(same(out, want));
      EXPECT_TRUE(out.guards_survive());
    });
  }
}

TEST(AddCounts, PartialSumsMakeTheWholeSum) {
  for (const std::size_t bytes : {1u, 31u, 64u, 65u, 200u, 9000u}) {
    for (const auto [first, second] : {Case{1, 1}, Case{3, 5}, Case{8, 8}, Case{20, 3}}) {
      Sequence random({.seed = bytes + first});
      Planes in(first + second, bytes);
      for (std::size_t i = 0; i < in.size(); ++i) fill_random(in[i], random, 2);
      const auto all = in.in();
      const int planes = planes_for(static_cast<std::int64_t>(first + second));
      const int part_planes = planes_for(static_cast<std::int64_t>(second));
      Planes want(static_cast<std::size_t>(planes), bytes);
      reference::count_votes(all, bytes, want.out().data(), planes);
      on_every_target([&, first = first] {
        Planes sum(static_cast<std::size_t>(planes), bytes), part(static_cast<std::size_t>(part_planes), bytes);
        count_votes(std::span(all).first(first), bytes, sum.out().data(), planes);
        count_votes(std::span(all).subspan(first), bytes, part.out().data(), part_planes);
        Planes twin(static_cast<std::size_t>(planes), bytes);
        count_votes(std::span(all).first(first), bytes, twin.out().data(), planes);
        add_counts(part.in(), bytes, sum.out().data(), planes);
        reference::add_counts(part.in(), bytes, twin.out().data(), planes);
        EXPECT_TRUE(same(sum, want));
        EXPECT_TRUE(same(twin, want));
        EXPECT_TRUE(sum.guards_survive());
      });
    }
  }
}

TEST(AnyCountAbove, SeesOneCountAnywhere) {
  for (const std::size_t bytes : {1u, 15u, 31u, 64u, 65u, 1001u}) {
    for (const std::uint64_t limit : {0u, 1u, 2u, 4u, 5u, 6u, 9u, 15u, 16u}) {
      const auto planes = static_cast<std::size_t>(planes_for(9));
      Sequence random({.seed = bytes + 31 * limit});
      Planes counts(planes, bytes);
      const auto put = [&](std::size_t j, std::uint64_t count) {
        for (std::size_t p = 0; p < planes; ++p) {
          const auto mask = static_cast<std::byte>(1u << (j % 8));
          auto& byte = counts[p][j / 8];
          byte = (count >> p & 1) != 0 ? byte | mask : byte & ~mask;
        }
      };
      for (std::size_t j = 0; j < 8 * bytes; ++j) put(j, random.below(std::min<std::uint64_t>(limit, 15) + 1));
      on_every_target(
          [&] { EXPECT_FALSE(any_count_above(counts.in(), bytes, limit)) << bytes << " bytes, " << limit; });
      EXPECT_FALSE(reference::any_count_above(counts.in(), bytes, limit));
      if (limit >= 15) continue;  // no count of four planes is more
      for (const std::size_t j :
           {std::size_t{0}, 8 * bytes - 1, 4 * bytes, static_cast<std::size_t>(random.below(8 * bytes))}) {
        put(j, limit + 1 + random.below(15 - limit));
        on_every_target([&] {
          EXPECT_TRUE(any_count_above(counts.in(), bytes, limit)) << bytes << " bytes, " << limit << ", " << j;
        });
        EXPECT_TRUE(reference::any_count_above(counts.in(), bytes, limit));
        put(j, limit);
      }
    }
  }
}

TEST(Majority, IsTheSignOfTheSumWithTheTieRule) {
  for (std::int64_t agents = 1; agents <= 20; ++agents) {
    for (const std::int64_t factor : {1, 2}) {
      const std::int64_t largest = factor == 2 ? agents : 2 * agents;
      const int planes = planes_for(largest);
      for (const std::size_t bytes : {1u, 40u, 64u, 129u}) {
        // Every possible count, again and again.
        Planes counts(static_cast<std::size_t>(planes), bytes);
        for (auto p = 0; p < planes; ++p) {
          auto plane = counts[static_cast<std::size_t>(p)];
          std::fill(plane.begin(), plane.end(), std::byte{0});
          for (std::size_t j = 0; j < 8 * bytes; ++j) {
            const auto count = static_cast<std::int64_t>(j) % (largest + 1);
            plane[j / 8] |= static_cast<std::byte>((count >> p & 1) << (j % 8));
          }
        }
        Plane coins(bytes);
        Sequence random({.seed = static_cast<std::uint64_t>(agents)});
        fill_random(coins, random, 2);
        for (const Tie tie : {Tie::plus, Tie::minus, Tie::zero, Tie::plane}) {
          SCOPED_TRACE(::testing::Message() << agents << " agents, factor " << factor << ", " << bytes << " bytes, tie "
                                            << static_cast<int>(tie));
          const std::byte* tie_plane = tie == Tie::plane ? coins.data() : nullptr;
          Plane want_sign(bytes), want_tie(bytes);
          reference::majority(counts.in(), bytes, -agents, factor, tie, tie_plane, want_sign.data(), want_tie.data());
          for (std::size_t j = 0; j < 8 * bytes; ++j) {
            const std::int64_t sum = factor * count_at(counts, j) - agents;
            const auto bit = [j](const Plane& plane) {
              return (plane[j / 8] >> (j % 8) & std::byte{1}) != std::byte{0};
            };
            const bool at_tie = tie == Tie::plus || (tie == Tie::plane && bit(coins));
            EXPECT_EQ(bit(want_sign), sum > 0 || (sum == 0 && at_tie));
            EXPECT_EQ(bit(want_tie), sum == 0);
          }
          on_every_target([&] {
            Guarded<std::byte> sign(bytes, 3), ties(bytes, 7);
            majority(counts.in(), bytes, -agents, factor, tie, tie_plane, sign.span().data(), ties.span().data());
            EXPECT_TRUE(same_bytes<std::byte>(sign.span(), want_sign));
            EXPECT_TRUE(same_bytes<std::byte>(ties.span(), want_tie));
            EXPECT_TRUE(sign.guards_survive() && ties.guards_survive());
            majority(counts.in(), bytes, -agents, factor, tie, tie_plane, sign.span().data(), nullptr);
            EXPECT_TRUE(same_bytes<std::byte>(sign.span(), want_sign));
          });
        }
      }
    }
  }
}

TEST(Majority, AThresholdBeyondThePlanesIsNeverReached) {
  const Plane ones(100, std::byte{0xff});
  const std::vector<const std::byte*> one_plane{ones.data()};
  Plane sign(100, std::byte{0xff}), ties(100, std::byte{0xff});
  on_every_target([&] {
    majority(one_plane, 100, -8, 2, Tie::plus, nullptr, sign.data(), ties.data());
    EXPECT_EQ(sign, Plane(100));
    EXPECT_EQ(ties, Plane(100));
  });
}

}  // namespace
}  // namespace tersegrad::kernels
