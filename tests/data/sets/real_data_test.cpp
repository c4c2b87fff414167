// Facts known about the real files (published, or counted once with another program).
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "data/files.hpp"
#include "data/test_data.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/data/dataset.hpp"

namespace tersegrad {
namespace {

using Counts = std::array<std::int64_t, 10>;

Counts counts_of(const Examples& examples) {
  Counts counts{};
  for (std::int64_t row = 0; row < examples.size(); ++row) ++counts.at(static_cast<std::size_t>(examples.label(row)));
  return counts;
}

struct Moments {
  double mean = 0;
  double deviation = 0;
};

/// Of one channel's normalised features, over all rows.
Moments moments_of(const Examples& examples, std::int64_t plane, std::int64_t channels, std::int64_t channel) {
  double sum = 0;
  double squares = 0;
  std::vector<float> x(static_cast<std::size_t>(plane * channels));
  for (std::int64_t row = 0; row < examples.size(); ++row) {
    examples.features({&row, 1}, x);
    for (std::int64_t i = channel * plane; i < (channel + 1) * plane; ++i) {
      const double value = x[static_cast<std::size_t>(i)];
      sum += value;
      squares += value * value;
    }
  }
  const auto count = static_cast<double>(examples.size() * plane);
  return {sum / count, std::sqrt(squares / count - sum / count * (sum / count))};
}

/// The features undo to the raw mean and deviation (of bytes 0 to 255) within half of their last given digit.
void expect_raw_moments(const Moments& normalised, double mean, double deviation, double raw_mean,
                        double raw_deviation) {
  EXPECT_NEAR((normalised.mean * deviation + mean) * 255, raw_mean, 0.5e-4 + 1e-5);
  EXPECT_NEAR(normalised.deviation * deviation * 255, raw_deviation, 0.5e-4 + 1e-5);
}

TEST(RealData, Mnist) {
  TERSEGRAD_NEEDS_DATA(folder, "mnist/train-images-idx3-ubyte.gz");
  const auto data = DatasetRegistry::instance().make("mnist", {.folder = folder});
  EXPECT_EQ(data->train().size(), 60000);
  EXPECT_EQ(data->test().size(), 10000);
  EXPECT_EQ(counts_of(data->train()), (Counts{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(counts_of(data->test()), (Counts{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  expect_raw_moments(moments_of(data->train(), 784, 1, 0), 0.1307, 0.3081, 33.3184, 78.5675);
  // The same files asked for under the other name.
  expect_error(error_of([&] { DatasetRegistry::instance().make("fashion-mnist", {.folder = folder / "mnist"}); }),
               {"holds the labels of data set 'mnist' (asked for: 'fashion-mnist'"});
}

TEST(RealData, Cifar10) {
  TERSEGRAD_NEEDS_DATA(folder, "cifar10/data_batch_1.bin");
  const auto data = DatasetRegistry::instance().make("cifar10", {.folder = folder});
  EXPECT_EQ(data->train().size(), 50000);
  EXPECT_EQ(data->test().size(), 10000);
  EXPECT_EQ(data->shape(), (std::vector<std::int64_t>{3, 32, 32}));
  Counts train, test;
  train.fill(5000);
  test.fill(1000);
  EXPECT_EQ(counts_of(data->train()), train);
  EXPECT_EQ(counts_of(data->test()), test);
  constexpr std::array mean{0.4914, 0.4822, 0.4465}, deviation{0.2470, 0.2435, 0.2616};
  constexpr std::array raw_mean{125.3069, 122.9504, 113.8654}, raw_deviation{62.9932, 62.0887, 66.7049};
  for (std::size_t c = 0; c < 3; ++c) {
    expect_raw_moments(moments_of(data->train(), 1024, 3, static_cast<std::int64_t>(c)), mean[c], deviation[c],
                       raw_mean[c], raw_deviation[c]);
  }
}

TEST(RealData, FashionMnist) {
  TERSEGRAD_NEEDS_DATA(folder, "fashion-mnist/train-images-idx3-ubyte.gz");
  const auto data = DatasetRegistry::instance().make("fashion-mnist", {.folder = folder});
  Counts train, test;
  train.fill(6000);
  test.fill(1000);
  EXPECT_EQ(counts_of(data->train()), train);
  EXPECT_EQ(counts_of(data->test()), test);
  const Moments moments = moments_of(data->train(), 784, 1, 0);
  EXPECT_NEAR(moments.mean * 0.3530 + 0.2860, 0.2860406, 1e-7);
  EXPECT_NEAR(moments.deviation * 0.3530, 0.3530242, 1e-7);
}

TEST(RealData, BreastCancerIsTheOriginal) {
  TERSEGRAD_NEEDS_DATA(folder, "breast_cancer/wdbc.data");
  // Original lines: id, M or B, 30 values; ours: the 30 values, 0 or 1.
  std::string expected;
  const std::string original = read_file(folder / "breast_cancer/wdbc.data");
  for (std::size_t begin = 0; begin < original.size();) {
    const std::size_t end = std::min(original.find('\n', begin), original.size());
    const std::string line = original.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    const std::size_t letter = line.find(',') + 1;
    expected += line.substr(letter + 2) + (line[letter] == 'M' ? ",0\n" : ",1\n");
  }
  const std::string ours =
      read_file(std::filesystem::path(TERSEGRAD_SOURCE_DIR) / "src/tersegrad/data/sets/breast_cancer/wdbc.csv");
  EXPECT_EQ(ours.substr(ours.find('\n') + 1), expected);
}

}  // namespace
}  // namespace tersegrad
