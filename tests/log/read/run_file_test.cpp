#include "tersegrad/log/read/run_file.hpp"

#include "tersegrad/core/random/random.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/read/subprocess_reader.hpp"
#include "tersegrad/log/read/subprocess.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

using namespace testing;
class RunFileTest : public FolderTest {};

TEST_F(RunFileTest, IsolatedReadingGivesTheSame) {
  Synthetic run;
  run.diverges = true;
  write_synthetic(folder_, run);
  const RunFile direct = RunFile::open(folder_);
  const RunData data = read_in_subprocess(folder_, {"loss", "step", "no such series"});
  EXPECT_EQ(data.path, direct.path());
  EXPECT_TRUE(data.finished);
  EXPECT_EQ(data.records, 100);
  EXPECT_EQ(data.series.size(), 2u);
  const auto loss = direct.series("loss");
  for (std::size_t i = 0; i < loss.size(); ++i) {
    EXPECT_TRUE(data.series.at("loss")[i] == loss[i] || std::isnan(loss[i]));
    EXPECT_EQ(std::isnan(data.series.at("loss")[i]), std::isnan(loss[i]));
  }
  ASSERT_EQ(data.configuration.size(), direct.configuration().size());
  for (std::size_t i = 0; i < data.configuration.size(); ++i) {
    EXPECT_EQ(data.configuration[i].key, direct.configuration()[i].key);
    EXPECT_EQ(data.configuration[i].value, direct.configuration()[i].value);
    EXPECT_EQ(data.configuration[i].unit, direct.configuration()[i].unit);
  }
  EXPECT_TRUE(std::isinf(std::get<double>(find_field(data.summary, "loss_last")->value)));
  EXPECT_EQ(data.columns.size(), direct.columns().size());
}

TEST_F(RunFileTest, OpensFoldersFilesAndParts) {
  write_synthetic(folder_ / "a", {});
  EXPECT_TRUE(RunFile::open(folder_ / "a" / "run.h5").finished());
  write_synthetic(folder_ / "b", {}, false);
  EXPECT_FALSE(RunFile::open(folder_ / "b").finished());
  EXPECT_FALSE(RunFile::open(folder_ / "b" / "run.h5.part").finished());
}

TEST_F(RunFileTest, RefusalsNameTheRun) {
  EXPECT_TRUE(contains(error_of([&] { RunFile::open(folder_ / "missing"); }), "missing"));
  EXPECT_TRUE(contains(error_of([&] { RunFile::open(folder_); }), "no run in '" + folder_.string()));
  write_file(folder_ / "run.h5", "not HDF5");
  EXPECT_TRUE(contains(error_of([&] { RunFile::open(folder_); }), "not an HDF5 file"));
  auto other = Hdf5File::create(folder_ / "other.h5");
  other.write<double>("/series/step", std::vector<double>{1});
  other.close();
  EXPECT_TRUE(contains(error_of([&] { RunFile::open(folder_ / "other.h5"); }), "not the file of a run"));
}

TEST_F(RunFileTest, UnequalSeriesAreDamageInAFinishedRun) {
  const auto path = folder_ / "run.h5";
  for (const char* name : {"run.h5", "run.h5.part"}) {
    auto file = Hdf5File::create(folder_ / name);
    file.set_attribute("/", "format", std::string("tersegrad run"));
    for (const char* group : {"/config", "/summary", "/series"}) file.create_group(group);
    file.write<double>("/series/step", std::vector<double>{1, 2, 3});
    file.write<double>("/series/loss", std::vector<double>{1, 2});
    file.close();
  }
  EXPECT_TRUE(contains(error_of([&] { RunFile::open(path); }), "2 to 3 records"));
  EXPECT_EQ(RunFile::open(folder_ / "run.h5.part").records(), 2);
}

TEST_F(RunFileTest, TruncatedAndDamagedFilesAreRefusedInOneLineWithoutACrash) {
  Synthetic run;
  run.steps = 5;
  write_synthetic(folder_, run);
  const std::string whole = read_file(folder_ / "run.h5");
  const auto path = folder_ / "damaged.h5";
  for (std::size_t part = 0; part < 24; ++part) {
    write_file(path, whole.substr(0, whole.size() * part / 24));
    EXPECT_TRUE(contains(error_of([&] { read_in_subprocess(path, {"loss"}); }), "damaged.h5"));
  }
  // Bytes changed anywhere: read as it was (values carry no checksum), or refused. A crash would end this program.
  Sequence random(StreamId{.seed = 7});
  int refused = 0;
  for (int round = 0; round < 120; ++round) {
    std::string bytes = whole;
    for (int change = 0; change < 1 + round % 4; ++change) {
      bytes[random.below(6000)] = static_cast<char>(random.below(256));
    }
    write_file(path, bytes);
    try {
      read_in_subprocess(path, {"step", "loss"});
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      EXPECT_TRUE(contains(error.what(), "damaged.h5")) << error.what();
    }
  }
  EXPECT_GT(refused, 30);
}

TEST_F(RunFileTest, WorkThatCrashesHangsOrFailsEndsOnlyItsOwnProcess) {
  EXPECT_EQ(run_in_subprocess("x", 20, [] { return std::string(100000, 'y'); }).size(), 100000u);
  EXPECT_EQ(run_in_subprocess("x", 20, [] { return std::string(); }), "");
  EXPECT_EQ(error_of([] { run_in_subprocess("x", 20, []() -> std::string { throw Error("its own words"); }); }),
            "its own words");
  EXPECT_TRUE(
      contains(error_of([] { run_in_subprocess("'f'", 20, []() -> std::string { ::abort(); }); }), "'f' is damaged"));
  EXPECT_TRUE(contains(error_of([] {
                         run_in_subprocess("'f'", 0.2, []() -> std::string {
                           for (;;) ::pause();
                         });
                       }),
                       "does not end"));
}

}  // namespace
}  // namespace tersegrad
