#include "tersegrad/comm/exchange/ordered_sum.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "compress/round_trip.hpp"

namespace tersegrad {
namespace {

TEST(OrderedSum, IsTheSerialSumInOrderForAnySplitOverRanks) {
  const Communicator world(MPI_COMM_WORLD);
  for (const std::size_t n : {0u, 1u, 1000u, 65536u, 65537u, 300001u}) {
    for (const int total : {1, 2, 5, 8}) {
      std::vector<std::vector<float>> addends;
      for (int a = 0; a < total; ++a) {
        addends.push_back(testing::normal_vector(n, static_cast<std::uint64_t>(100 + a)));
        // Widely different sizes, so that another order gives other bits.
        for (float& x : addends.back()) x *= std::pow(10.0f, static_cast<float>(a % 4));
      }
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
