#include "tersegrad/comm/exchange/ordered_sum.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <mutex>

#include "compress/round_trip.hpp"
#include "support/world.hpp"

namespace tersegrad {
namespace {

/// Widely different sizes, so that another order gives other bits. Made once for all ranks of a process.
const std::vector<std::vector<float>>& addends_of(std::size_t n, int total) {
  static std::mutex mutex;
  static std::map<std::pair<std::size_t, int>, std::vector<std::vector<float>>> made;
  const std::lock_guard lock(mutex);
  auto& addends = made[{n, total}];
  for (int a = static_cast<int>(addends.size()); a < total; ++a) {
    addends.push_back(testing::normal_vector(n, static_cast<std::uint64_t>(100 + a)));
    for (float& x : addends.back()) x *= std::pow(10.0f, static_cast<float>(a % 4));
  }
  return addends;
}

TERSEGRAD_WORLD_TEST(OrderedSum, IsTheSerialSumInOrderForAnySplitOverRanks) {
  for (const std::size_t n : {0u, 1u, 1000u, 65536u, 65537u, 300001u}) {
    for (const int total : {1, 2, 5, 8}) {
      const auto& addends = addends_of(n, total);
      std::vector<float> expected(n, 0.0f);
      for (const auto& addend : addends) {
        for (std::size_t j = 0; j < n; ++j) expected[j] += addend[j];
      }
      std::vector<const std::byte*> mine;
      for (int a = world.rank() * total / world.size(); a < (world.rank() + 1) * total / world.size(); ++a) {
        mine.push_back(reinterpret_cast<const std::byte*>(addends[static_cast<std::size_t>(a)].data()));
      }
      std::vector<float> sum(n, -1.0f);
      ordered_sum(world, mine, sum);
      EXPECT_TRUE(n == 0 || std::memcmp(sum.data(), expected.data(), 4 * n) == 0)
          << n << " values, " << total << " addends";
    }
  }
}

}  // namespace
}  // namespace tersegrad
