#include "tersegrad/log/read/past_records.hpp"

#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;

/// A log that was stopped behind step 10000; its checkpoint is of step 9000.
class PastRecordsTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    run_.steps = 10000;
    run_.decay = 1e-3;
    write_synthetic(folder_, run_, /*finish=*/false);
    files_ = {folder_ / "run.h5.part", folder_ / "metrics.csv.part"};
    columns_ = synthetic_info(folder_, run_).columns;
  }

  PastRecords find(const PastLog& files) const { return PastRecords::find(files, columns_, {9000, 9000}); }
  void damage_hdf5() const {
    std::string bytes = read_file(files_.hdf5);
    // Where chunk indices and chunks alternate; blocks of 64 bytes, so that no structure of an index is spared.
    for (std::size_t at = bytes.size() / 3; at < bytes.size() * 2 / 3; at += 128) bytes.replace(at, 64, 64, '\x5a');
    write_file(files_.hdf5, bytes);
  }

  Synthetic run_;
  PastLog files_;
  std::vector<SeriesInfo> columns_;
};

TEST_F(PastRecordsTest, ADamagedRunFileIsReplacedByTheTable) {
  const auto sound = find(files_);
  EXPECT_EQ(sound.path(), files_.hdf5);
  EXPECT_EQ(sound.remark(), "");
  const auto wanted = records_of(sound);
  ASSERT_EQ(wanted.size(), 9000u);
  damage_hdf5();
  const auto replaced = find(files_);
  EXPECT_EQ(replaced.path(), files_.csv);
  EXPECT_TRUE(contains(replaced.remark(), files_.hdf5.string()) && contains(replaced.remark(), files_.csv.string()))
      << replaced.remark();
  EXPECT_EQ(replaced.remark().find('\n'), std::string::npos);
  EXPECT_EQ(records_of(replaced), wanted);
}

TEST_F(PastRecordsTest, ARunFileOverWhichTheLibraryCrashesIsReplacedByTheTable) {
  run_.steps = 200;
  write_synthetic(folder_, run_, /*finish=*/false);
  const auto wanted = records_of(PastRecords::find({{}, files_.csv}, columns_, {200, 200}));
  const std::string whole = read_file(files_.hdf5);
  Sequence random(StreamId{.seed = 11});
  int replaced = 0, crashed = 0;
  for (int round = 0; round < 150; ++round) {
    std::string bytes = whole;
    for (int change = 0; change < 1 + round % 8; ++change) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    write_file(files_.hdf5, bytes);
    const auto found = PastRecords::find(files_, columns_, {200, 200});
    const auto got = records_of(found);
    ASSERT_EQ(got.size(), 200u);
    if (found.path() == files_.hdf5) continue;  // nothing that counts was hit, or a value, which has no checksum
    ++replaced;
    if (contains(found.remark(), "crashes")) ++crashed;
    EXPECT_EQ(got, wanted);
  }
  RecordProperty("crashed", crashed);
  EXPECT_GT(replaced, 10);
}

TEST_F(PastRecordsTest, TheRunFileCutAnywhereIsReplacedByTheTable) {
  const auto wanted = records_of(find(files_));
  const std::string whole = read_file(files_.hdf5);
  for (std::size_t part = 0; part < 8; ++part) {
    write_file(files_.hdf5, whole.substr(0, whole.size() * part / 8));
    EXPECT_EQ(records_of(find(files_)), wanted) << part;
  }
}

TEST_F(PastRecordsTest, WithoutTheTableDamageIsOneError) {
  damage_hdf5();
  const std::string error = error_of([&] { find({files_.hdf5, {}}); });
  EXPECT_TRUE(contains(error, files_.hdf5.string()) && contains(error, "no metrics.csv")) << error;
  std::filesystem::remove(files_.csv);
  EXPECT_TRUE(contains(error_of([&] { find(files_); }), files_.csv.string()));
}

TEST_F(PastRecordsTest, ATornLastLineIsNoRecord) {
  const std::string whole = read_file(files_.csv);
  const auto line = [&](std::size_t number) {  // where it begins; 0: the heading
    std::size_t at = 0;
    for (std::size_t i = 0; i < number; ++i) at = whole.find('\n', at) + 1;
    return at;
  };
  const auto wanted = records_of(find(files_));
  for (std::size_t at = line(9001); at < line(9002); ++at) {
    write_file(files_.csv, whole.substr(0, at));
    EXPECT_EQ(records_of(find({{}, files_.csv})), wanted) << at;
  }
  for (std::size_t at = line(9000); at < line(9001); ++at) {  // the last one wanted, even if only its end is missing
    write_file(files_.csv, whole.substr(0, at));
    EXPECT_TRUE(contains(error_of([&] { find({{}, files_.csv}); }), "8999 records")) << at;
  }
}

TEST_F(PastRecordsTest, FewerRecordsThanTheCheckpointHasAreAnError) {
  Synthetic shorter = run_;
  shorter.steps = 500;
  write_synthetic(folder_ / "short", shorter, /*finish=*/false);
  const PastLog files{folder_ / "short" / "run.h5.part", folder_ / "short" / "metrics.csv.part"};
  const std::string error = error_of([&] { find(files); });
  EXPECT_TRUE(contains(error, files.hdf5.string()) && contains(error, files.csv.string()) &&
              contains(error, "500 records"))
      << error;
  // Of steps behind the checkpoint there may be any number: they do not count.
  EXPECT_TRUE(contains(error_of([&] { PastRecords::find(files_, columns_, {9000, 9001}); }), "9000 records"));
  // One file that has all is enough.
  EXPECT_EQ(find({files.hdf5, files_.csv}).path(), files_.csv);
}

TEST_F(PastRecordsTest, ColumnsAreFoundByTheirNames) {
  write_file(files_.csv, "loss,strange,step,time_s\n0.5,7,1,nan\n-inf,8,2,1e-3\n");
  const auto rows = records_of(PastRecords::find(
      {{}, files_.csv}, {{"step", "", ""}, {"time_s", "", ""}, {"new", "", ""}, {"loss", "", ""}}, {2, 2}));
  EXPECT_EQ(rows, (std::vector<std::string>{"1,nan,nan,0.5,", "2,0.001,nan,-inf,"}));
}

TEST_F(PastRecordsTest, TablesThatAreNoneAreRefusedByLine) {
  const auto error = [&](const std::string& table) {
    write_file(files_.csv, table);
    return error_of([&] { PastRecords::find({{}, files_.csv}, {{"step", "", ""}, {"loss", "", ""}}, {2, 2}); });
  };
  EXPECT_TRUE(contains(error(""), "no heading"));
  EXPECT_TRUE(contains(error("step,loss"), "no heading"));
  EXPECT_TRUE(contains(error("loss\n1\n2\n"), "no 'step'"));
  EXPECT_TRUE(contains(error("step,loss\n1\n2,3\n"), "line 2 has 1 values"));
  EXPECT_TRUE(contains(error("step,loss\n1,1\n2,3,4\n"), "line 3 has 3 values"));
  for (const char* value : {"", "x", "1 ", " 1", "1e", "0x1"}) {
    EXPECT_TRUE(contains(error(concat("step,loss\n1,", value, "\n2,2\n")), "line 2, value 2 is no number")) << value;
  }
  EXPECT_TRUE(contains(error("step,loss\n2,1\n1,1\n"), "record 2 is of step 1"));
  EXPECT_TRUE(contains(error("step,loss\nnan,1\n1,1\n"), "record 1 is of step nan"));
}

TEST_F(PastRecordsTest, NothingIsWrittenOfAPastThatIsNotWhole) {
  damage_hdf5();
  std::string table = read_file(files_.csv);
  table.replace(table.find("\n8000,") + 1, 4, "oops");
  write_file(files_.csv, table);
  std::filesystem::create_directories(folder_ / "new");
  Log log({"csv"});
  log.begin(synthetic_info(folder_ / "new", run_));
  const std::string before = read_file(folder_ / "new" / "metrics.csv.part");
  const std::string error = error_of([&] { log.replay(find(files_)); });
  EXPECT_TRUE(contains(error, "line 8001")) << error;
  log.flush();
  EXPECT_EQ(read_file(folder_ / "new" / "metrics.csv.part"), before);
}

}  // namespace
}  // namespace tersegrad
