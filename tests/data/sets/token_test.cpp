// Token shards, and the rows that are made of tokens.
#include <sys/stat.h>

#include <numeric>

#include "data/files.hpp"
#include "data/test_data.hpp"
#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/readers/token_files.hpp"
#include "tersegrad/data/readers/token_shard.hpp"
#include "tersegrad/data/sets/token_sequences.hpp"
#include "tersegrad/data/shard.hpp"
#include "tersegrad/data/split.hpp"

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

template <class Text>
std::vector<std::uint32_t> ids_of(const Text& text) {
  std::vector<std::uint32_t> ids(static_cast<std::size_t>(text.size()));
  text.copy(0, std::span(ids));
  return ids;
}

std::vector<std::uint32_t> read(const Bytes& file, std::int64_t vocabulary = 50257, TokenLayout layout = TokenLayout::shard) {
  return ids_of(read_token_shard(*open_bytes("shard", "get it again", file), layout, vocabulary));
}

Bytes raw(const std::vector<std::uint32_t>& tokens, std::size_t width) {
  Bytes bytes;
  for (const auto token : tokens) put(bytes, token, width);
  return bytes;
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
  const std::vector<std::uint32_t> two{1, 2};
  expect_error(error_of([&] { make_token_dataset({"text", 4, 41}, train, two, {}); }), {"2 test tokens"});
  expect_error(error_of([&] { make_token_dataset({"text", 4, 41}, train, {}, {}); }), {"0 test tokens"});
}

TEST(TokenShard, IdsWithoutAHeaderAreReadWhenAskedForAndRecognisedWhenNot) {
  const std::vector<std::uint32_t> tokens{464, 3290, 318, 257, 3290, 13, 198, 50256, 0, 11};
  EXPECT_EQ(read(raw(tokens, 2), 50257, TokenLayout::uint16), tokens);
  EXPECT_EQ(read(raw(tokens, 4), 50257, TokenLayout::uint32), tokens);
  EXPECT_EQ(read(gzipped(raw(tokens, 2)), 50257, TokenLayout::uint16), tokens);
  std::vector<std::uint32_t> many(3000000);  // several chunks
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::uint32_t>(i * 7919 % 50257);
  EXPECT_EQ(read(raw(many, 2), 50257, TokenLayout::uint16), many);
  const auto refused = [](const Bytes& bytes, TokenLayout layout = TokenLayout::shard, std::int64_t vocabulary = 50257) {
    return error_of([&] { read(bytes, vocabulary, layout); });
  };
  expect_error(refused(raw(tokens, 2)), {"magic number", "raw uint16 ids", "nanoGPT", "format=uint16"});
  expect_error(refused(raw(many, 2)), {"raw uint16 ids", "format=uint16"});
  expect_error(refused(raw(tokens, 4)), {"raw uint32 ids", "format=uint32"});
  expect_error(refused(raw({100000, 7, 99, 123456}, 4), TokenLayout::shard, 200000), {"raw uint32 ids", "format=uint32"});
  expect_error(refused(bytes_of("some text,\nnot ids at all; more of it")), {"magic number", "it looks like text"});
  expect_error(refused(Bytes(100, 0xff)), {"magic number", "with 'format=uint16' or 'format=uint32'"});
  expect_error(refused(shard({1, 2, 3}), TokenLayout::uint16), {"header of a token shard", "leave 'format' out"});
  expect_error(refused(raw({1, 50257}, 2), TokenLayout::uint16), {"token 50257", "byte 2", "0 to 50256"});
  expect_error(refused(Bytes{1, 0, 2}, TokenLayout::uint16), {"3 bytes", "whole number of ids of 2 bytes"});
  expect_error(refused({}, TokenLayout::uint16), {"0 bytes", "at least one"});
  many[1600000] = 60000;
  expect_error(refused(raw(many, 2), TokenLayout::uint16), {"token 60000", "byte 3200000"});
}

TEST(TokenText, PiecesOfAnyWidthAreOneText) {
  const TokenPiece bytes(Bytes{1, 2, 3}, 1), words(raw({400, 50000}, 2), 2), wide(raw({1u << 20}, 4), 4);
  const TokenText text(std::vector{bytes, words, wide, bytes});
  const std::vector<std::uint32_t> whole{1, 2, 3, 400, 50000, 1u << 20, 1, 2, 3};
  ASSERT_EQ(ids_of(text), whole);
  for (std::size_t begin = 0; begin < whole.size(); ++begin) {
    for (std::size_t end = begin; end <= whole.size(); ++end) {
      std::vector<std::int64_t> part(end - begin);
      text.copy(static_cast<std::int64_t>(begin), std::span(part));
      EXPECT_EQ(part, std::vector<std::int64_t>(whole.begin() + static_cast<std::ptrdiff_t>(begin),
                                                whole.begin() + static_cast<std::ptrdiff_t>(end)));
    }
  }
}

using TokenFolder = FolderTest;

TEST_F(TokenFolder, ShardsAreReadInTheOrderOfTheirNames) {
  const auto make = [&](const std::string& spec) {
    return DatasetRegistry::instance().make(spec, DataSource{.folder = folder_});
  };
  expect_error(error_of([&] { make("tokens"); }), {"no training shard", "*.bin", "word train", folder_.string()});
  put("my_train_2.bin", shard({5, 6, 7}));
  put("my_train_1.bin", shard({1, 2, 3, 4}));
  expect_error(error_of([&] { make("tokens:context=3"); }), {"no test shard", "val or test"});
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

TEST_F(TokenFolder, AFileHasTheRoleOfAWholeWordOfItsName) {
  struct Case {
    const char* name;
    char role;  // 't'rain, 'v'alidation, 'l'eft out, '-' of no interest, 'r'efused
  };
  for (const auto& [name, role] : std::initializer_list<Case>{{"train.bin", 't'},
                                                              {"fineweb_train_000001.bin", 't'},
                                                              {"Training-2.BIN", 't'},
                                                              {"train000.bin", 't'},
                                                              {"retrieval_train_1.bin", 't'},
                                                              {"interval.train.bin.gz", 't'},
                                                              {"val.bin", 'v'},
                                                              {"dev-0.bin", 'v'},
                                                              {"my valid.bin", 'v'},
                                                              {"VALIDATION2.bin", 'v'},
                                                              {"contest_eval.bin.gz", 'v'},
                                                              {"retrieval_0.bin", 'l'},
                                                              {"trained.bin", 'l'},
                                                              {"strain.bin", 'l'},
                                                              {"evaluate.bin", 'l'},
                                                              {"éval.bin", 'l'},
                                                              {"tokens.bin", 'l'},
                                                              {".train.bin", 'l'},
                                                              {"._val.bin", 'l'},
                                                              {"train.idx", 'l'},
                                                              {"val.npy", 'l'},
                                                              {"README.md", '-'},
                                                              {".DS_Store", '-'},
                                                              {"train_val.bin", 'r'},
                                                              {"val-test.bin", 'r'},
                                                              {"test_train_1.bin.gz", 'r'}}) {
    SCOPED_TRACE(name);
    const auto path = put(name, {});
    TokenFiles files;
    const std::string error = error_of([&] { files = find_token_files(folder_); });
    if (role == 'r') {
      expect_error(error, {name, "several splits", "rename"});
    } else {
      EXPECT_EQ(error, "");
      EXPECT_EQ(files.train.size(), role == 't' ? 1u : 0u);
      EXPECT_EQ(files.test.size(), role == 'v' ? 1u : 0u);
      ASSERT_EQ(files.left_out.size(), role == 'l' ? 1u : 0u);
      if (role == 'l') {
        EXPECT_NE(files.left_out[0].find(name), std::string::npos) << files.left_out[0];
      }
    }
    std::filesystem::remove(path);
  }
}

TEST_F(TokenFolder, WhatIsLeftOutIsSaidOnce) {
  std::vector<std::string> remarks;
  const auto make = [&] {
    remarks.clear();
    const DataSource source{.folder = folder_, .remark = [&](const std::string& text) { remarks.push_back(text); }};
    return DatasetRegistry::instance().make("tokens:context=3,vocab=300", source);
  };
  put("retrieval_train_1.bin", shard({1, 2, 3, 4}));
  put("retrieval_val_0.bin", shard({9, 8, 9, 8, 7, 7, 7}));
  EXPECT_EQ(make()->test().size(), 2);
  EXPECT_EQ(make()->train().size(), 1);
  EXPECT_TRUE(remarks.empty());
  put("test.bin", shard({5, 5, 5, 5}));  // validation shards come first
  put("._retrieval_train_1.bin", Bytes{0, 5, 22, 7});
  put("tokenizer.bin", Bytes{1});
  put("train.npy", Bytes{1});
  EXPECT_EQ(make()->test().size(), 2);
  ASSERT_EQ(remarks.size(), 1u);
  expect_error(remarks[0], {folder_.string(), "'._retrieval_train_1.bin' (hidden)", "'tokenizer.bin' (no word", "and 1 more"});
  std::filesystem::remove(folder_ / "retrieval_val_0.bin");
  EXPECT_EQ(make()->test().size(), 1);  // test.bin
}

TEST_F(TokenFolder, OneFileIsNotInBothSplitsAndInOneSplitOnce) {
  const auto files = [&] { return find_token_files(folder_); };
  const auto train = put("train.bin", shard({1, 2, 3, 4}));
  std::filesystem::create_symlink("train.bin", folder_ / "val.bin");
  expect_error(error_of(files), {"train.bin'", "val.bin'", "one file"});
  std::filesystem::remove(folder_ / "val.bin");
  std::filesystem::create_hard_link(train, folder_ / "test_0.bin");
  expect_error(error_of(files), {"train.bin'", "test_0.bin'", "one file"});
  std::filesystem::remove(folder_ / "test_0.bin");
  put("train.bin.gz", gzipped(shard({1, 2, 3, 4})));
  std::filesystem::create_symlink("train.bin", folder_ / "train_2.bin");
  EXPECT_EQ(files().train, std::vector{train});
  ASSERT_EQ(files().left_out.size(), 2u);
  expect_error(files().left_out[0], {"'train.bin.gz' (beside 'train.bin')"});
  expect_error(files().left_out[1], {"'train_2.bin' (the same file as 'train.bin')"});
}

TEST_F(TokenFolder, FilesAreMappedOrUnpackedAndReadTheSame) {
  const std::vector<std::uint32_t> tokens{5, 6, 7, 65535, 0};
  for (const bool wide : {false, true}) {
    const auto plain = open_token_shard(put("a.bin", shard(tokens, wide)), TokenLayout::shard, 70000);
    const auto packed = open_token_shard(put("b.bin", gzipped(shard(tokens, wide))), TokenLayout::shard, 70000);
    const auto bare = open_token_shard(put("c.bin", raw(tokens, wide ? 4 : 2)), wide ? TokenLayout::uint32 : TokenLayout::uint16, 70000);
    EXPECT_TRUE(plain.mapped() && bare.mapped());
    EXPECT_FALSE(packed.mapped());
    for (const auto& piece : {plain, packed, bare}) {
      EXPECT_EQ(piece.width(), wide ? 4u : 2u);
      EXPECT_EQ(ids_of(piece), tokens);
      EXPECT_EQ(ids_of(piece), tokens);  // its pages are mapped again
    }
  }
  expect_error(error_of([&] { open_token_shard(put("d.bin", shard({1, 70000}, true)), TokenLayout::shard, 70000); }),
               {"d.bin'", "token 70000", "byte 1028"});
  std::filesystem::create_directory(folder_ / "e.bin");
  expect_error(error_of([&] { open_token_shard(folder_ / "e.bin", TokenLayout::shard, 7); }), {"not a regular file"});
  ASSERT_EQ(::mkfifo((folder_ / "f.bin").c_str(), 0600), 0);
  expect_error(error_of([&] { open_token_shard(folder_ / "f.bin", TokenLayout::shard, 7); }), {"not a regular file"});
}

TEST_F(TokenFolder, AMappedFileMayGoButNotBeCutShort) {
  const std::vector<std::uint32_t> tokens(100000, 7);
  const auto path = put("train.bin", shard(tokens));
  const auto piece = open_token_shard(path, TokenLayout::shard, 8);
  std::filesystem::rename(path, folder_ / "elsewhere");
  std::filesystem::resize_file(folder_ / "elsewhere", 5000);
  std::vector<std::uint32_t> ids(1000);
  piece.copy(0, std::span(ids));  // on the page that is left
  for (int times = 0; times < 2; ++times) {
    expect_error(error_of([&] { piece.copy(99000, std::span(ids)); }), {"train.bin' was cut short", "5000 bytes and had 201024"});
  }
  std::filesystem::resize_file(folder_ / "elsewhere", 201024);
  std::filesystem::remove(folder_ / "elsewhere");
  piece.copy(99000, std::span(ids));
  EXPECT_EQ(ids[0], 0u);  // what it was filled up with
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
