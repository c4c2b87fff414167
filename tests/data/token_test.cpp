// Token shards, and the rows that are made of tokens.
#include <numeric>

#include "data/files.hpp"
#include "data/test_data.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/shard.hpp"
#include "tersegrad/data/split.hpp"
#include "tersegrad/data/token_sequences.hpp"
#include "tersegrad/data/token_shard.hpp"

namespace tersegrad {
namespace {

void put(Bytes& bytes, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Bytes shard(const std::vector<std::uint32_t>& tokens, bool wide = false) {
  Bytes bytes;
  put(bytes, wide ? 20240801 : 20240520, 4);
  put(bytes, wide ? 7 : 1, 4);
  put(bytes, static_cast<std::uint32_t>(tokens.size()), 4);
  bytes.resize(1024);
  for (const auto token : tokens) put(bytes, token, wide ? 4 : 2);
  return bytes;
}

std::vector<std::uint32_t> read(const Bytes& file, std::int64_t vocabulary = 50257) {
  return read_token_shard(*open_bytes("shard", "get it again", file), vocabulary);
}

TEST(TokenShard, ReadsBothWidths) {
  const std::vector<std::uint32_t> tokens{0, 1, 255, 256, 50256, 7};
  EXPECT_EQ(read(shard(tokens)), tokens);
  EXPECT_EQ(read(shard(tokens, true)), tokens);
  EXPECT_EQ(read(shard({0x00fedcba}, true), 1 << 24), std::vector<std::uint32_t>{0x00fedcba});
}

TEST(TokenShard, RefusesWhatIsNone) {
  const Bytes good = shard({1, 2, 3});
  for (const std::size_t size : {0u, 5u, 1023u}) {
    expect_error(error_of([&] { read({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}); }),
                 {"'shard'", "1024 bytes"});
  }
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes bytes = good;
    bytes[at] = value;
    return error_of([&] { read(bytes); });
  };
  expect_error(with(0, 9), {"magic number", "20240520 and 1", "20240801 and 7", "get it again"});
  expect_error(with(4, 7), {"version 7"});  // that of the wide ones
  expect_error(with(8, 0), {"0 tokens", "at least one"});
  expect_error(with(8, 4), {"4 tokens of 2 bytes"});       // ends early
  expect_error(with(8, 2), {"2 tokens of 2 bytes"});       // goes on
  expect_error(with(11, 0x80), {"at byte 8", "-2147483645 tokens"});
  expect_error(error_of([&] { read(shard({1, 50257})); }), {"token 50257", "byte 1026", "0 to 50256"});
  Bytes many = shard({1}, true);
  many[11] = 0x7f;  // 2^31 ids of 4 bytes: more than a reader takes
  expect_error(error_of([&] { read(many); }), {"at byte 8", "at most"});
}

TEST(TokenDataset, RowsAreWindowsAndLabelsTheTokensBehind) {
  std::vector<std::uint32_t> train(23), test(9);
  std::iota(train.begin(), train.end(), 100u);
  std::iota(test.begin(), test.end(), 0u);
  const auto data = make_token_dataset({"text", 4, 200}, train, test, {});
  EXPECT_EQ(data->shape(), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(data->labels_per_row(), 4);
  ASSERT_EQ(data->train().size(), 5);  // 22 tokens have one behind them
  ASSERT_EQ(data->test().size(), 2);
  std::vector<float> x(8);
  std::vector<std::int64_t> y(8);
  const std::vector<std::int64_t> rows{4, 1};
  data->train().features(rows, x);
  data->train().labels(rows, y);
  EXPECT_EQ(x, (std::vector<float>{116, 117, 118, 119, 104, 105, 106, 107}));
  EXPECT_EQ(y, (std::vector<std::int64_t>{117, 118, 119, 120, 105, 106, 107, 108}));
  expect_error(error_of([&] { data->train().label(0); }), {"'text' has no classes of rows"});
  expect_error(error_of([&] { labels_of(data->train()); }), {"no classes of rows"});
}

TEST(TokenDataset, SamplesAreTheFirstRowsOfAShuffle) {
  std::vector<std::uint32_t> train(41);
  std::iota(train.begin(), train.end(), 0u);
  const auto some = make_token_dataset({"text", 4, 41}, train, train, {.seed = 3, .samples = 6});
  const auto rows = sample_rows(10, 6, 3, "text");
  ASSERT_EQ(some->train().size(), 6);
  EXPECT_EQ(some->test().size(), 10);
  std::vector<float> x(4);
  for (std::int64_t row = 0; row < 6; ++row) {
    some->train().features({&row, 1}, x);
    EXPECT_EQ(x[0], static_cast<float>(4 * rows[static_cast<std::size_t>(row)]));
  }
  expect_error(error_of([&] { make_token_dataset({"text", 4, 41}, train, train, {.samples = 11}); }), {"11", "'text'"});
  expect_error(error_of([&] {
                 make_token_dataset({"text", 41, 41}, train, train, {});
               }),
               {"41 training tokens", "context"});
  expect_error(error_of([&] { make_token_dataset({"text", 4, 41}, train, {1, 2}, {}); }), {"2 test tokens"});
  expect_error(error_of([&] { make_token_dataset({"text", 4, 41}, train, {}, {}); }), {"0 test tokens"});
}

using TokenFolder = FolderTest;

TEST_F(TokenFolder, ShardsAreReadInTheOrderOfTheirNames) {
  const auto make = [&](const std::string& spec) {
    return DatasetRegistry::instance().make(spec, DataSource{.folder = folder_});
  };
  expect_error(error_of([&] { make("tokens"); }), {"no file '*train*.bin'", folder_.string()});
  put("my_train_2.bin", shard({5, 6, 7}));
  put("my_train_1.bin", shard({1, 2, 3, 4}));
  expect_error(error_of([&] { make("tokens:context=3"); }), {"no file '*val*.bin'"});
  put("my_val.bin", shard({9, 8, 9, 8}));
  const auto data = make("tokens:context=3");
  EXPECT_EQ(data->classes(), 50257);
  ASSERT_EQ(data->train().size(), 2);
  std::vector<std::int64_t> y(3);
  const std::int64_t row = 1;
  data->train().labels({&row, 1}, y);
  EXPECT_EQ(y, (std::vector<std::int64_t>{5, 6, 7}));
  expect_error(error_of([&] { make("tokens:context=3,vocab=9"); }), {"my_val.bin", "token 9"});
}

TEST(TokenDataset, RealText) {
  const auto folder = test_data_folder();
  if (!std::filesystem::exists(folder / "text" / "tinyshakespeare")) GTEST_SKIP() << "no real data";
  const auto data = DatasetRegistry::instance().make("tinyshakespeare:context=64", DataSource{.folder = folder});
  EXPECT_EQ(data->train().size(), (1115394 / 10 * 9 - 1) / 64);
  std::vector<float> x(64);
  const std::int64_t first = 0;
  data->train().features({&first, 1}, x);
  EXPECT_EQ(std::string(x.begin(), x.begin() + 14), "First Citizen:");
}

}  // namespace
}  // namespace tersegrad
