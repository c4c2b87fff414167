// The file of a checkpoint: what is written is read, and nothing else is.
#include "tersegrad/train/checkpoint/checkpoint.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <numeric>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/hash.hpp"
#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/train/checkpoint/checkpoint_folder.hpp"
#include "tersegrad/train/checkpoint/checkpoint_writer.hpp"
#include "tersegrad/train/checkpoint/resumption.hpp"
#include "tersegrad/train/records/run_counters.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / concat("checkpoint-test-", ::getpid());
    fs::create_directories(folder_ / "checkpoints");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::vector<std::byte> bytes_of_text(const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }
  /// A small checkpoint: sections of 0, 1, 63, 64, 65 and 200 bytes.
  std::vector<std::byte> written(std::uint64_t step = 7) {
    for (const std::size_t size : {0, 1, 63, 64, 65, 200}) {
      contents_.emplace_back(size);
      for (std::size_t i = 0; i < size; ++i) contents_.back()[i] = static_cast<std::byte>(i * 37 + size);
    }
    CheckpointView view;
    view.step = step;
    for (std::size_t i = 0; i < contents_.size(); ++i) view.sections.push_back({concat("section/", i), contents_[i]});
    write_checkpoint(folder_ / "one", view);
    return bytes_of_text(read_file(folder_ / "one"));
  }
  /// With the checksum of the header made right again; `bytes` has one section.
  static void set_version(std::string& bytes, std::uint32_t version) {
    constexpr std::uint64_t none = 0;
    std::memcpy(bytes.data() + 8, &version, sizeof version);
    std::memcpy(bytes.data() + 32, &none, sizeof none);
    const std::uint64_t checksum = fingerprint(std::as_bytes(std::span(bytes)).first(40 + 64));
    std::memcpy(bytes.data() + 32, &checksum, sizeof checksum);
  }
  static std::string error_of(const std::function<void()>& f) {
    try {
      f();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
  std::vector<std::vector<std::byte>> contents_;
};

TEST_F(CheckpointTest, WhatIsWrittenIsRead) {
  const auto bytes = written();
  EXPECT_FALSE(fs::exists(partial_path(folder_ / "one")));
  const auto view = parse_checkpoint(bytes, "it");
  EXPECT_EQ(view.step, 7u);
  ASSERT_EQ(view.sections.size(), contents_.size());
  for (std::size_t i = 0; i < contents_.size(); ++i) {
    const auto section = view.section(concat("section/", i));
    EXPECT_TRUE(std::equal(section.begin(), section.end(), contents_[i].begin(), contents_[i].end())) << i;
  }
  EXPECT_EQ(compute_history_of(view), "");  // as earlier versions have written them
  EXPECT_NE(error_of([&] { view.section("nothing"); }).find("'nothing'"), std::string::npos);
}

TEST_F(CheckpointTest, CutOffAnywhereOrLongerItIsRefused) {
  auto bytes = written();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_NE(error_of([&] { parse_checkpoint(std::span(bytes).first(length), "it"); }), "") << length;
  }
  bytes.resize(bytes.size() + 64);
  EXPECT_NE(error_of([&] { parse_checkpoint(bytes, "it"); }), "");
}

TEST_F(CheckpointTest, EveryByteCounts) {
  const auto sound = written();
  const Stream stream({3, Purpose::test, 0, 0});
  for (std::size_t i = 0; i < sound.size(); ++i) {
    // One bit, all bits, and one more value by chance: padding and names are covered as well as contents.
    for (const unsigned change : {1u << (i % 8), 255u, 1 + stream.block(i)[0] % 255}) {
      auto bytes = sound;
      bytes[i] ^= static_cast<std::byte>(change);
      EXPECT_NE(error_of([&] { parse_checkpoint(bytes, "it"); }), "") << "byte " << i << " ^ " << change;
    }
  }
}

/// With the checksum of the header made right again, sizes and names from outside are still not believed.
TEST_F(CheckpointTest, ImpossibleTablesAreRefusedBehindARightChecksum) {
  const auto sound = written();
  const auto sealed = [&](std::size_t at, std::uint64_t value, std::size_t width) {
    auto bytes = sound;
    std::memcpy(bytes.data() + at, &value, width);
    std::uint32_t sections = 0;
    std::memcpy(&sections, bytes.data() + 12, sizeof sections);
    const std::size_t table = std::min<std::size_t>(40 + std::size_t{64} * sections, bytes.size());
    std::vector<std::byte> head(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(table));
    std::memset(head.data() + 32, 0, 8);
    const std::uint64_t checksum = fingerprint(head);
    std::memcpy(bytes.data() + 32, &checksum, sizeof checksum);
    return bytes;
  };
  EXPECT_EQ(error_of([&] { parse_checkpoint(sealed(16, 8, 8), "it"); }), "");  // another step: the sealing works
  for (const std::uint64_t length :
       {~std::uint64_t{0}, ~std::uint64_t{0} - 63, std::uint64_t{1} << 63, std::uint64_t{1} << 32, std::uint64_t{2}}) {
    for (std::size_t entry = 0; entry < 6; ++entry) {
      const auto bytes = sealed(40 + 64 * entry + 48, length, 8);
      EXPECT_NE(error_of([&] { parse_checkpoint(bytes, "it"); }), "") << entry << " " << length;
    }
  }
  for (const std::uint64_t count : {0ull, 1ull, 7ull, 0xffffffffull}) {
    EXPECT_NE(error_of([&] { parse_checkpoint(sealed(12, count, 4), "it"); }), "") << count;
  }
  EXPECT_NE(error_of([&] { parse_checkpoint(sealed(16, 0, 8), "it"); }), "");           // step 0
  EXPECT_NE(error_of([&] { parse_checkpoint(sealed(40, 0, 8), "it"); }), "");           // a name that begins with NUL
  EXPECT_NE(error_of([&] { parse_checkpoint(sealed(40 + 8, '1', 1), "it"); }), "");     // two sections of one name
  EXPECT_NE(error_of([&] { parse_checkpoint(sealed(8, 2, 4), "it"); }).find("version 2"), std::string::npos);
}

TEST_F(CheckpointTest, TheNewestSoundOneIsTaken) {
  const CheckpointFolder checkpoints(folder_);
  EXPECT_NE(error_of([&] { checkpoints.newest([](const std::string&) {}); }).find("no checkpoints"), std::string::npos);
  std::vector<std::byte> content(100);
  for (const std::int64_t step : {9, 10, 100}) {
    CheckpointView view{static_cast<std::uint64_t>(step), {{"x", content}}};
    write_checkpoint(checkpoints.file(step), view);
  }
  write_file(folder_ / "checkpoints" / "checkpoint-200.part", "half");
  write_file(folder_ / "checkpoints" / "notes-300", "mine");
  EXPECT_EQ(checkpoints.steps(), (std::vector<std::int64_t>{100, 10, 9}));
  std::vector<std::string> remarks;
  const auto remark = [&](const std::string& text) { remarks.push_back(text); };
  EXPECT_EQ(checkpoints.newest(remark).view.step, 100u);
  EXPECT_TRUE(remarks.empty());

  std::string damaged = read_file(checkpoints.file(100));
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write_file(checkpoints.file(100), damaged);
  EXPECT_EQ(checkpoints.newest(remark).view.step, 10u);
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_NE(remarks[0].find("checkpoint-100"), std::string::npos) << remarks[0];

  fs::copy_file(checkpoints.file(10), checkpoints.file(50));  // sound, and not what its name says
  EXPECT_EQ(checkpoints.newest(remark).view.step, 10u);

  checkpoints.prune(10, 1);  // behind 10 nothing is of this run; before it one is enough
  EXPECT_EQ(checkpoints.steps(), std::vector<std::int64_t>{10});
  write_file(checkpoints.file(10), "");
  EXPECT_NE(error_of([&] { checkpoints.newest(remark); }).find("none of its 1"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "checkpoints" / "notes-300"));
}

TEST_F(CheckpointTest, WhatMayBeSoundIsNeitherPassedOverNorRemoved) {
  const CheckpointFolder checkpoints(folder_);
  std::vector<std::byte> content(100);
  for (const std::int64_t step : {10, 20}) {
    write_checkpoint(checkpoints.file(step), {static_cast<std::uint64_t>(step), {{"x", content}}});
  }
  const auto folder = folder_ / "checkpoints";
  for (const char* name : {"checkpoint-007", "checkpoint-900.bak", "checkpoint-1\ncheckpoint-800", "checkpoint-900\n"}) {
    write_file(folder / name, "mine");
  }
  EXPECT_EQ(checkpoints.steps(), (std::vector<std::int64_t>{20, 10}));
  std::vector<std::string> remarks;
  const auto refusal = [&] {
    return error_of([&] { checkpoints.newest([&](const std::string& text) { remarks.push_back(text); }); });
  };
  const auto newest = checkpoints.file(30);
  fs::create_directory(newest);
  EXPECT_NE(refusal().find("not a regular file; try again"), std::string::npos) << refusal();
  checkpoints.prune(20, 1);
  EXPECT_TRUE(fs::is_directory(newest));
  fs::remove(newest);
  fs::create_symlink(folder_ / "elsewhere", newest);  // moved to a disk that is not mounted now
  EXPECT_NE(refusal().find("No such file"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("to go on from the checkpoint before it"), std::string::npos) << refusal();
  fs::remove(newest);
  std::string other = read_file(checkpoints.file(20));
  set_version(other, 2);
  write_file(newest, other);
  EXPECT_NE(refusal().find("version 2"), std::string::npos) << refusal();
  EXPECT_TRUE(remarks.empty());
  EXPECT_EQ(read_file(folder / "checkpoint-900.bak"), "mine");
}

TEST_F(CheckpointTest, AThreadWritesAndKeepsTheNewest) {
  CheckpointWriter writer(folder_, 2);
  for (std::uint64_t step = 1; step <= 5; ++step) {
    Snapshot snapshot;
    snapshot.step = step;
    snapshot.sections.emplace_back("x", Buffer<std::byte>(1000 * step));
    writer.start(std::move(snapshot));
  }
  writer.wait();
  EXPECT_TRUE(writer.idle());
  EXPECT_EQ(CheckpointFolder(folder_).steps(), (std::vector<std::int64_t>{5, 4}));
  fs::remove_all(folder_ / "checkpoints");
  Snapshot snapshot;
  snapshot.step = 6;
  writer.start(std::move(snapshot));
  EXPECT_NE(error_of([&] { writer.wait(); }).find("checkpoint-6"),
            std::string::npos);  // the thread's error arrives here
  EXPECT_NO_THROW(writer.wait());
}

TEST(RunCounters, WordsAreReadBackAndImpossibleOnesRefused) {
  RunCounters counters;
  counters.steps = 12;
  counters.records = 3;
  counters.loss_first = 0.1;
  counters.traffic.uplink.payload = 1234;
  counters.time.exchange = 5.5;
  counters.links = LinkTraffic{{1, 2, 3, 4}, 5, 6};
  counters.noise_measured.tail.nu = 3.25;
  auto words = counters.words();
  const auto back = RunCounters::from_words(words);
  EXPECT_EQ(back.words(), words);
  EXPECT_EQ(back.traffic.uplink.payload, 1234);
  EXPECT_EQ(back.links->measured.received_packets, 4);
  EXPECT_EQ(back.links->received, 6);
  EXPECT_EQ(back.noise_measured.tail.nu, 3.25);
  EXPECT_FALSE(RunCounters::from_words([] {
                 RunCounters none;
                 none.steps = 1;
                 return none;
               }().words()).links.has_value());
  for (const std::size_t size : {std::size_t{0}, words.size() - 1}) {
    EXPECT_THROW(RunCounters::from_words(std::span(words).first(size)), Error);
  }
  for (const std::size_t field : {0, 1, 2, 3}) {  // step, records, nonfinite steps, skips
    auto wrong = words;
    wrong[field] = static_cast<std::uint64_t>(-1);
    EXPECT_THROW(RunCounters::from_words(wrong), Error) << field;
  }
  // What a run adds to, where adding would leave 64 bits: uplink and downlink payload, within nodes, measured bytes.
  for (const std::size_t field : {8, 10, 12, 18}) {
    auto wrong = words;
    wrong[field] = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    EXPECT_THROW(RunCounters::from_words(wrong), Error) << field;
  }
  auto wrong = words;
  wrong[17] = 2;  // whether anything was measured
  EXPECT_THROW(RunCounters::from_words(wrong), Error);
}

/// What is read of a checkpoint without --eval-samples, as versions before that option wrote them.
std::string read_configuration(const std::string& lines) {
  const CheckpointView view{7, {{"configuration", std::as_bytes(std::span(lines))}}};
  return configuration_of(view);
}

TEST(Configuration, OfAnEarlierVersionEvaluatesAllRows) {
  EXPECT_EQ(read_configuration("model = mlp\neval_every = 0\n"), "model = mlp\neval_every = 0\neval_samples = all\n");
  // Where there was no evaluation, nothing but the default may stand.
  for (const std::string none : {"model = mlp\neval_every = -1\n", "model = saddle\ndataset = none\n"}) {
    EXPECT_EQ(read_configuration(none), none + "eval_samples = auto\n");
  }
  const std::string now = "model = mlp\neval_samples = 12\n";
  EXPECT_EQ(read_configuration(now), now);
}

TEST(HeldRecordSection, IsReadBackAndMayBeMissing) {
  const std::vector<double> record{7, 0.1, std::numeric_limits<double>::quiet_NaN(), -0.0};
  CheckpointView view{7, {{"parameters", {}}, {held_record_section, std::as_bytes(std::span(record))}}};
  const auto read = held_record_of(view);
  ASSERT_EQ(read.size(), record.size());
  EXPECT_EQ(std::memcmp(read.data(), record.data(), sizeof(double) * record.size()), 0);
  view.sections[1].bytes = view.sections[1].bytes.first(12);
  EXPECT_THROW(held_record_of(view), Error);
  view.sections.pop_back();
  EXPECT_TRUE(held_record_of(view).empty());
}

TEST(Resumption, ARunThatHasMadeAllItsStepsIsResumableAndOneThatIsCutShortIsNot) {
  TrainConfig config;
  config.steps = 30;
  const std::string lines = config.lines();
  const auto refused = [&](std::uint64_t done, std::int64_t steps) {
    config.steps = steps;
    try {
      require_resumable({done, {{"configuration", std::as_bytes(std::span(lines))}}}, config);
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(refused(30, 30), "");
  EXPECT_EQ(refused(30, 31), "");
  EXPECT_EQ(refused(20, 25), "");
  EXPECT_NE(refused(20, 20).find("20 steps"), std::string::npos);
  EXPECT_NE(refused(30, 29).find("30 steps"), std::string::npos);
  EXPECT_NE(refused(31, 30).find("31 steps"), std::string::npos);
}

}  // namespace
}  // namespace tersegrad
