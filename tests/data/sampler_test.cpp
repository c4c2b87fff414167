#include "tersegrad/data/sampler.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <numeric>

#include "data/files.hpp"
#include "tersegrad/core/random/random.hpp"

namespace tersegrad {
namespace {

/// Row numbers that are neither 0 … n − 1 nor in order.
std::vector<std::uint32_t> shard(std::int64_t size) {
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint32_t>(1000 + 7 * (rows.size() - i));
  return rows;
}

std::vector<std::int64_t> batch_of(BatchSampler& sampler, std::uint64_t step) {
  std::vector<std::int64_t> rows;
  sampler.rows(step, rows);
  return rows;
}

/// The first `steps` batches, one behind the other.
std::vector<std::int64_t> drawn(BatchSampler sampler, std::uint64_t steps) {
  std::vector<std::int64_t> all;
  for (std::uint64_t step = 0; step < steps; ++step) {
    const auto rows = batch_of(sampler, step);
    EXPECT_EQ(static_cast<std::int64_t>(rows.size()), sampler.batch());
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

/// Upper bound of χ² with `freedom` degrees that a right sampler exceeds with probability 1e-7.
double chi_squared_bound(double freedom) {
  return boost::math::quantile(boost::math::complement(boost::math::chi_squared(freedom), 1e-7));
}

double chi_squared(const std::vector<double>& counts) {
  const double mean = std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double sum = 0;
  for (const double count : counts) sum += (count - mean) * (count - mean) / mean;
  return sum;
}

TEST(BatchSampler, ShuffleUsesEveryRowOncePerEpoch) {
  for (const std::int64_t size : {1, 2, 3, 10, 31}) {
    for (const std::int64_t batch : {1, 2, 3, 7, 10, 31, 32, 100}) {
      SCOPED_TRACE(concat(size, " rows, batches of ", batch));
      const auto rows = shard(size);
      auto sorted = rows;
      std::sort(sorted.begin(), sorted.end());
      const auto steps = static_cast<std::uint64_t>(4 * size / batch + 2);
      const auto all = drawn(BatchSampler(rows, batch, SamplingMode::shuffle, 5, 2), steps);
      for (auto begin = all.begin(); all.end() - begin >= size; begin += size) {
        std::vector<std::uint32_t> epoch(begin, begin + size);
        std::sort(epoch.begin(), epoch.end());
        EXPECT_EQ(epoch, sorted);
      }
    }
  }
}

TEST(BatchSampler, TheStreamOfRowsDoesNotDependOnTheBatch) {
  const auto one = drawn(BatchSampler(shard(13), 1, SamplingMode::shuffle, 5, 2), 130);
  for (const std::int64_t batch : {2, 5, 13, 26, 65}) {
    EXPECT_EQ(
        drawn(BatchSampler(shard(13), batch, SamplingMode::shuffle, 5, 2), static_cast<std::uint64_t>(130 / batch)),
        one);
  }
}

TEST(BatchSampler, AnyStepCanBeAskedForAtAnyTime) {
  for (const auto mode : {SamplingMode::shuffle, SamplingMode::iid}) {
    for (const std::int64_t batch : {1, 4, 10, 25}) {
      SCOPED_TRACE(concat(name_of(mode), ", batches of ", batch));
      constexpr std::uint64_t steps = 60;
      BatchSampler sampler(shard(10), batch, mode, 9, 1);
      std::vector<std::vector<std::int64_t>> in_order;
      for (std::uint64_t step = 0; step < steps; ++step) in_order.push_back(batch_of(sampler, step));
      Sequence random({.seed = 1});
      for (int i = 0; i < 200; ++i) {
        const std::uint64_t step = random.below(steps);
        EXPECT_EQ(batch_of(sampler, step), in_order[step]);
        BatchSampler resumed(shard(10), batch, mode, 9, 1);
        EXPECT_EQ(batch_of(resumed, step), in_order[step]);
      }
    }
  }
}

TEST(BatchSampler, SeedAgentAndEpochEachGiveAnotherOrder) {
  for (const auto mode : {SamplingMode::shuffle, SamplingMode::iid}) {
    const auto base = drawn(BatchSampler(shard(100), 100, mode, 1, 0), 1);
    EXPECT_NE(base, drawn(BatchSampler(shard(100), 100, mode, 2, 0), 1));
    EXPECT_NE(base, drawn(BatchSampler(shard(100), 100, mode, 1, 1), 1));
    const auto two = drawn(BatchSampler(shard(100), 100, mode, 1, 0), 2);
    EXPECT_NE(base, std::vector<std::int64_t>(two.begin() + 100, two.end()));
  }
}

TEST(BatchSampler, IidIsUniform) {
  constexpr std::int64_t size = 100;
  BatchSampler sampler(shard(size), 64, SamplingMode::iid, 3, 5);
  std::vector<double> counts(size);
  std::vector<double> pairs(size * size);  // of neighbours in a batch
  std::vector<std::int64_t> rows;
  for (std::uint64_t step = 0; step < 10000; ++step) {
    sampler.rows(step, rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto index = static_cast<std::size_t>((rows[i] - 1007) / 7);
      ++counts.at(index);
      if (i % 2 == 1) ++pairs[index * size + static_cast<std::size_t>((rows[i - 1] - 1007) / 7)];
    }
  }
  EXPECT_LT(chi_squared(counts), chi_squared_bound(size - 1));
  EXPECT_LT(chi_squared(pairs), chi_squared_bound(size * size - 1));
  // With replacement: of 64 draws from 100 rows, a batch without a repetition has probability 1e-12.
  std::sort(rows.begin(), rows.end());
  EXPECT_NE(std::adjacent_find(rows.begin(), rows.end()), rows.end());
}

TEST(BatchSampler, ShuffleIsUniform) {
  // Position of each row within the epochs: n × n counts with (n − 1)² degrees of freedom (rows and columns are fixed);
  // over 7,000 epochs the sum has mean (n − 1)², up to the factor n/(n − 1) of counts without replacement.
  constexpr std::size_t size = 7;
  constexpr std::size_t epochs = 7000;
  const auto all = drawn(BatchSampler(shard(size), size, SamplingMode::shuffle, 3, 5), epochs);
  std::vector<double> counts(size * size);
  for (std::size_t i = 0; i < all.size(); ++i)
    ++counts[i % size * size + static_cast<std::size_t>((all[i] - 1007) / 7)];
  EXPECT_LT(chi_squared(counts) * (size - 1) / size, chi_squared_bound((size - 1) * (size - 1)));
}

TEST(BatchSampler, EstimationRowsAreBatchesOfTheirOwn) {
  // Each draw of a shuffling sampler is a subset, pairs of rows equally likely; beyond the shard's size all rows come
  // first. Training's batches are what they would be without.
  constexpr std::size_t size = 10;
  BatchSampler sampler(shard(size), 4, SamplingMode::shuffle, 3, 5);
  const auto before = batch_of(sampler, 11);
  std::vector<double> pairs(size * (size - 1));
  std::vector<std::int64_t> rows, again;
  for (std::uint64_t draw = 0; draw < 20000; ++draw) {
    sampler.estimation_rows(draw, rows);
    const auto first = static_cast<std::size_t>((rows[0] - 1007) / 7),
               last = static_cast<std::size_t>((rows[3] - 1007) / 7);
    ++pairs.at(first * (size - 1) + last - (last > first));
    std::sort(rows.begin(), rows.end());
    ASSERT_EQ(std::adjacent_find(rows.begin(), rows.end()), rows.end());
  }
  EXPECT_LT(chi_squared(pairs), chi_squared_bound(static_cast<double>(pairs.size()) - 1));
  EXPECT_EQ(batch_of(sampler, 11), before);

  const BatchSampler large(shard(size), 25, SamplingMode::shuffle, 3, 5);
  large.estimation_rows(1, rows);
  for (const std::size_t begin : {std::size_t{0}, size}) {
    std::vector<std::uint32_t> pass(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                   rows.begin() + static_cast<std::ptrdiff_t>(begin + size)), all = shard(size);
    std::sort(pass.begin(), pass.end());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(pass, all);
  }

  const BatchSampler iid(shard(size), 40, SamplingMode::iid, 3, 5);
  iid.estimation_rows(2, rows);
  iid.estimation_rows(3, again);
  EXPECT_NE(rows, again);
  BatchSampler training = iid;
  EXPECT_NE(batch_of(training, 2), rows);  // the same address otherwise
  std::sort(rows.begin(), rows.end());
  EXPECT_NE(std::adjacent_find(rows.begin(), rows.end()), rows.end());
}

TEST(BatchSampler, RefusesWhatCannotBe) {
  expect_error(error_of([] { BatchSampler({}, 1, SamplingMode::iid, 0, 3); }), {"agent 3 has no rows"});
  for (const std::int64_t batch : {0, -5}) {
    expect_error(error_of([&] { BatchSampler({1}, batch, SamplingMode::shuffle, 0, 0); }),
                 {concat("mini-batches of ", batch)});
  }
  BatchSampler sampler({1, 2}, 1 << 20, SamplingMode::shuffle, 0, 0);
  expect_error(error_of([&] { batch_of(sampler, (1ull << 48) - 1); }), {"step 281474976710655 is out of range"});
  expect_error(error_of([&] { batch_of(sampler, ~0ull); }), {"out of range"});
  BatchSampler far({1, 2}, 2, SamplingMode::shuffle, 0, 0);
  EXPECT_EQ(batch_of(far, (1ull << 48) - 1).size(), 2u);  // the last epoch there is
}

TEST(SamplingMode, IsSpelled) {
  for (const auto mode : {SamplingMode::shuffle, SamplingMode::iid})
    EXPECT_EQ(parse_sampling_mode(name_of(mode)), mode);
  expect_error(error_of([] { parse_sampling_mode("suffle"); }), {"'suffle'", "known: iid, shuffle"});
}

TEST(BatchSampler, CountsEpochs) {
  EXPECT_DOUBLE_EQ(BatchSampler(shard(10), 4, SamplingMode::shuffle, 0, 0).epochs(5), 2.0);
}

}  // namespace
}  // namespace tersegrad
