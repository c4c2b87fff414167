#include "tersegrad/log/write/output_folder.hpp"

#include <memory>

#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/read/held_run.hpp"
#include "tersegrad/log/read/subprocess.hpp"
#include "tests/log/synthetic_run.hpp"

namespace tersegrad {
namespace {

namespace fs = std::filesystem;
using namespace testing;
class OutputFolderTest : public FolderTest {
 protected:
  std::vector<std::string> names(const fs::path& folder) const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(folder)) all.push_back(entry.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  }
};

TEST_F(OutputFolderTest, CreatesTheFolderAndItsParents) {
  {
    OutputFolder out(folder_ / "a" / "b" / "c", ExistingRun::refuse);
    EXPECT_TRUE(fs::is_directory(folder_ / "a" / "b" / "c"));
    write_file(out.path() / "run.h5", "x");
  }
  EXPECT_EQ(names(folder_ / "a" / "b" / "c"), std::vector<std::string>{"run.h5"});  // no lock stays behind
}

TEST_F(OutputFolderTest, LeavesNoEmptyFolderOfItsOwn) {
  { OutputFolder out(folder_ / "new", ExistingRun::refuse); }
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  fs::create_directory(folder_ / "old");
  { OutputFolder out(folder_ / "old", ExistingRun::refuse); }
  EXPECT_TRUE(fs::exists(folder_ / "old"));
}

TEST_F(OutputFolderTest, RefusesEveryFileOfARunAndOnlyThose) {
  for (const char* name : {"run.h5", "run.h5.part", "metrics.csv", "metrics.csv.part", "metrics.jsonl", "summary.json",
                           "summary.json.part", "run.h5.previous", "metrics.csv.previous", "run.h5.new.part",
                           "checkpoints/checkpoint-500", "checkpoints/checkpoint-500.part"}) {
    const auto folder = folder_ / "x";
    fs::create_directories((folder / name).parent_path());
    write_file(folder / name, "x");
    const std::string error = error_of([&] { OutputFolder out(folder, ExistingRun::refuse); });
    EXPECT_TRUE(contains(error, fs::path(name).filename().string()) && contains(error, "--overwrite")) << error;
    EXPECT_TRUE(fs::exists(folder / name));
    fs::remove_all(folder);
  }
  // Whoever keeps a checkpoint under another name wants to keep it.
  fs::create_directory(folder_ / "checkpoints");
  for (const char* name : {"notes.txt", "my-run.h5", "run.h5.bak", "checkpoint-500", "checkpoints/checkpoint-a",
                           "checkpoints/checkpoint-", "checkpoints/checkpoint-5.h5", "checkpoints/checkpoint-5.bak",
                           "checkpoints/checkpoint-5.", "checkpoints/checkpoint-007", "checkpoints/checkpoint-0",
                           "checkpoints/checkpoint-5\n", "checkpoints/checkpoint-1\ncheckpoint-2",
                           "checkpoints/checkpoint-99999999999999999999", "checkpoints/checkpoint-+5"}) {
    write_file(folder_ / name, "x");
    EXPECT_NO_THROW(OutputFolder(folder_, ExistingRun::refuse)) << name;
    EXPECT_NO_THROW(OutputFolder(folder_, ExistingRun::overwrite_checkpoints)) << name;
    EXPECT_TRUE(fs::exists(folder_ / name)) << name;
  }
}

TEST_F(OutputFolderTest, OverwriteLeavesAnUnfinishedRunsCheckpoints) {
  const auto checkpoint = folder_ / "checkpoints" / "checkpoint-40";
  fs::create_directory(folder_ / "checkpoints");
  const struct {
    const char* summary;  // of the run; none: null
    bool replaced;
  } cases[] = {{nullptr, false},
               {R"({"steps": 60, "interrupted": true})", false},
               {R"({"steps": 60, "interr)", false},  // torn
               {R"({"steps": 60, "interrupted": false})", true},
               {R"({"steps": 60})", true},
               {R"({"steps": 60, "diverged": true})", true}};
  for (const auto& one : cases) {
    SCOPED_TRACE(one.summary != nullptr ? one.summary : "no summary");
    fs::create_directory(folder_ / "checkpoints");
    write_file(checkpoint, "x");
    write_file(folder_ / "run.h5.part", "x");
    if (one.summary != nullptr) write_file(folder_ / "summary.json", one.summary);
    const auto before = names(folder_);
    if (one.replaced) {
      EXPECT_NO_THROW(OutputFolder(folder_, ExistingRun::overwrite));
      EXPECT_FALSE(fs::exists(checkpoint));
      continue;
    }
    const std::string error = error_of([&] { OutputFolder out(folder_, ExistingRun::overwrite); });
    EXPECT_TRUE(fs::exists(checkpoint));
    EXPECT_TRUE(contains(error, "step 40") && contains(error, "--resume") && contains(error, "--overwrite=checkpoints"))
        << error;
    EXPECT_EQ(names(folder_), before);
    EXPECT_NO_THROW(OutputFolder(folder_, ExistingRun::overwrite_checkpoints));
    EXPECT_TRUE(names(folder_).empty());
  }
}

TEST_F(OutputFolderTest, AFinishedRunWithoutASummaryIsTold) {
  for (const std::vector<std::string>& sinks : {std::vector<std::string>{"hdf5"}, {"csv"}, {"csv", "hdf5"}}) {
    for (const bool finished : {true, false}) {
      SCOPED_TRACE(concat(sinks.front(), " ", finished));
      const auto folder = folder_ / "x";
      write_synthetic(folder, {}, finished, sinks);
      EXPECT_EQ(look_at_run(folder).finished, finished);
      fs::remove_all(folder);
    }
  }
}

TEST_F(OutputFolderTest, WhatIsOutOfReachIsNotAbsent) {
  fs::create_directory(folder_ / "x");
  write_file(folder_ / "x" / "run.h5", "x");
  fs::create_symlink(folder_ / "elsewhere", folder_ / "x" / "checkpoints");  // where no disk is mounted now
  fs::create_symlink(folder_ / "elsewhere", folder_ / "y");
  for (const auto existing : {ExistingRun::refuse, ExistingRun::overwrite, ExistingRun::overwrite_checkpoints, ExistingRun::resume}) {
    for (const char* name : {"x", "y"}) EXPECT_NE(error_of([&] { OutputFolder out(folder_ / name, existing); }), "") << name;
    EXPECT_TRUE(fs::exists(folder_ / "x" / "run.h5"));
  }
  fs::remove(folder_ / "x" / "checkpoints");
  write_file(folder_ / "x" / "checkpoints", "mine");
  EXPECT_TRUE(contains(error_of([&] { OutputFolder out(folder_ / "x", ExistingRun::overwrite); }), "is a file"));
  fs::remove(folder_ / "x" / "checkpoints");
  fs::create_directories(folder_ / "x" / "checkpoints" / "checkpoint-9");
  EXPECT_TRUE(contains(error_of([&] { OutputFolder out(folder_ / "x", ExistingRun::overwrite); }), "checkpoint-9' is a folder"));
  EXPECT_TRUE(fs::exists(folder_ / "x" / "run.h5"));
}

TEST_F(OutputFolderTest, OverwriteRemovesTheRunAndNothingElse) {
  write_synthetic(folder_, {});
  fs::create_directory(folder_ / "checkpoints");
  write_file(folder_ / "checkpoints" / "checkpoint-100", "x");
  write_file(folder_ / "notes.txt", "keep");
  fs::create_directory(folder_ / "sub");
  write_file(folder_ / "sub" / "run.h5", "keep");
  write_file(folder_ / "elsewhere", "keep");
  fs::create_symlink(folder_ / "elsewhere", folder_ / "metrics.csv.part");
  OutputFolder out(folder_, ExistingRun::overwrite);
  EXPECT_EQ(names(folder_), (std::vector<std::string>{".tersegrad-lock", "elsewhere", "notes.txt", "sub"}));
  EXPECT_TRUE(fs::exists(folder_ / "sub" / "run.h5"));
}

TEST_F(OutputFolderTest, ResumeSetsTheLogAsideUntilItIsCopied) {
  const Synthetic run;
  write_synthetic(folder_, run, /*finish=*/false, {"csv", "hdf5"});
  write_file(folder_ / "checkpoint-50.h5", "x");
  {
    OutputFolder out(folder_, ExistingRun::resume);
    EXPECT_EQ(out.previous_log().hdf5, folder_ / "run.h5.previous");
    EXPECT_EQ(out.previous_log().csv, folder_ / "metrics.csv.previous");
    Log log({"csv", "hdf5"});
    log.begin(synthetic_info(folder_, run));
  }  // stopped before the log was copied
  OutputFolder out(folder_, ExistingRun::resume);
  Log log({"csv", "hdf5", "summary"});
  log.begin(synthetic_info(folder_, run));
  const RunInfo info = synthetic_info(folder_, run);
  const auto hdf5 = PastRecords::find({out.previous_log().hdf5, {}}, info.columns, {50, 50});
  const auto csv = PastRecords::find({{}, out.previous_log().csv}, info.columns, {50, 50});
  EXPECT_EQ(records_of(csv), records_of(hdf5));
  log.replay(csv);
  out.discard_previous_log();
  EXPECT_TRUE(out.previous_log().empty());
  log.finish({});
  EXPECT_EQ(names(folder_),
            (std::vector<std::string>{".tersegrad-lock", "checkpoint-50.h5", "metrics.csv", "run.h5", "summary.json"}));
}

TEST_F(OutputFolderTest, TwoRunsCannotShareAFolder) {
  auto first = std::make_unique<OutputFolder>(folder_ / "x", ExistingRun::refuse);
  for (const auto existing : {ExistingRun::refuse, ExistingRun::overwrite, ExistingRun::resume}) {
    const std::string error = error_of([&] { OutputFolder second(folder_ / "x", existing); });
    EXPECT_TRUE(contains(error, "in use by another run") && contains(error, std::to_string(::getpid()))) << error;
  }
  const std::string other = error_of([&] {
    run_in_subprocess("x", 20, [&] { OutputFolder second(folder_ / "x", ExistingRun::overwrite); return std::string(); });
  });
  EXPECT_TRUE(contains(other, "in use")) << other;
  first.reset();
  EXPECT_NO_THROW(OutputFolder(folder_ / "x", ExistingRun::refuse));
  // A lock file left by a killed process is no lock.
  write_file(folder_ / ".tersegrad-lock", "99999");
  EXPECT_NO_THROW(OutputFolder(folder_, ExistingRun::refuse));
}

TEST_F(OutputFolderTest, WhatIsNoFolderIsRefused) {
  write_file(folder_ / "file", "x");
  EXPECT_TRUE(contains(error_of([&] { OutputFolder out(folder_ / "file", ExistingRun::refuse); }), "file"));
  EXPECT_TRUE(contains(error_of([&] { OutputFolder out(folder_ / "file" / "x", ExistingRun::refuse); }), "file/x"));
  EXPECT_TRUE(contains(error_of([&] { OutputFolder out("", ExistingRun::refuse); }), "empty"));
  fs::create_directory(folder_ / "run.h5");
  EXPECT_TRUE(contains(error_of([&] { OutputFolder out(folder_, ExistingRun::overwrite); }), "is a folder"));
  EXPECT_TRUE(fs::is_directory(folder_ / "run.h5"));
}

}  // namespace
}  // namespace tersegrad
